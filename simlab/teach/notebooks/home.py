# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""The list of the demonstrations."""

import marimo

app = marimo.App(width="full", app_title="Why must a model guess?", css_file="../teach.css")


@app.cell
def lessons():
    from simlab.teach import pages

    pages.home()
    return (pages,)


@app.cell
def mail(pages):
    pages.mail()
    return


if __name__ == "__main__":
    app.run()
