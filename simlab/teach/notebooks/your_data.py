# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""Your data: drop a file, choose its columns, read the audit."""

import marimo

app = marimo.App(width="full", app_title="Your data", css_file="../teach.css")


@app.cell
def head():
    from simlab.teach import giving, pages
    from simlab.teach.demonstrations import demonstration

    shown = demonstration("your_data")
    pages.head(shown)
    return giving, pages, shown


@app.cell
def panel(giving, pages, shown):
    controls = pages.controls(shown)
    given = giving.place()
    kind = giving.kinds()
    giving.panel(given, kind, pages.panel(controls))
    return controls, given, kind


@app.cell
def told(giving, given, kind):
    columns = giving.columns(given.value, kind.value)
    giving.beneath(columns)
    return (columns,)


@app.cell
def compute(columns, controls, giving, given, kind):
    settings = controls.value
    report = giving.audited(given.value, kind.value, columns.value, **settings)
    return report, settings


@app.cell
def stage(given, giving, report, settings, shown):
    giving.stage(shown, report, settings, given.value)
    return


@app.cell
def taking(given, giving, report, settings, shown):
    giving.taking(shown, report, settings, given=bool(given.value))
    return


@app.cell
def foot(pages, shown):
    pages.foot(shown)
    return


if __name__ == "__main__":
    app.run()
