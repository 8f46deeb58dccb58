# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The exam: state a confidence, set a penalty, and see whether they agree."""

import marimo

app = marimo.App(width="full", app_title="The exam", css_file="../teach.css")


@app.cell
def head():
    from simlab.teach import pages
    from simlab.teach.demonstrations import demonstration

    shown = demonstration("exam")
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
