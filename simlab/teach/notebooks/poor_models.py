# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""Poor models: lengthen the context until it reaches the pronoun; spell a word out."""

import marimo

app = marimo.App(width="full", app_title="Poor models", css_file="../teach.css")


@app.cell
def head():
    from simlab.teach import pages
    from simlab.teach.demonstrations import demonstration

    shown = demonstration("poor_models")
    pages.head(shown)
    return pages, shown


@app.cell
def panel(pages, shown):
    controls = pages.controls(shown)
    pages.panel(controls)
    return (controls,)


@app.cell
def compute(controls, shown):
    settings = controls.value
    scene = shown.scene(**settings)
    return scene, settings


@app.cell
def told(pages, settings, shown):
    pages.told(shown, settings)
    return


@app.cell
def stage(pages, scene, settings, shown):
    pages.stage(shown, scene, settings)
    return


@app.cell
def taking(pages, scene, settings, shown):
    pages.taking(shown, scene, settings)
    return


@app.cell
def foot(pages, shown):
    pages.foot(shown)
    return


if __name__ == "__main__":
    app.run()
