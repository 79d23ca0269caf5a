# SPDX-License-Identifier: Apache-2.0
"""Makes the page of a study anew from itself and its table, where the models are gone.

    python scripts/maintenance/remake_page.py docs/rtc_study_small --note="..."

A folder holds `report.html` and `results.parquet`. What the explorers show is read out
of the page; claims, tables and figures are made from the table.
"""

import base64
import html
import json
import os
import re
import tempfile

import click

from rtc_plugin.report import page
from rtc_plugin.results import quantities
from rtc_plugin.results import table as results_table
from rtc_plugin.visualize import explorer

_EXPLORER = r'<script type="application/json" id="data-model-(\d+)">(.*?)</script>'


def remake(folder, note):
    """Writes `report.html` anew.

    Args:
        folder: Folder of the page and of its table.
        note: What a reader must know; its first line is shown.
    """
    table = results_table.read(os.path.join(folder, "results.parquet"))
    path = os.path.join(folder, "report.html")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    title = html.unescape(re.search("<title>(.*?)</title>", text)[1])
    models = quantities.quantities(table)
    folders = dict(zip(models["number"], models["folder"]))
    with tempfile.TemporaryDirectory() as root:
        for number, record in re.findall(_EXPLORER, text, re.DOTALL):
            target = os.path.join(root, folders[int(number)], "explorer")
            os.makedirs(target)
            record = json.loads(record)
            for name in ("curve", "name", "scores"):  # The page's own.
                del record[name]
            for name, uri in record.pop("pictures").items():
                with open(os.path.join(target, f"{name}.jpg"), "wb") as file:
                    file.write(base64.b64decode(uri.partition(",")[2]))
            with open(os.path.join(target, explorer.FILE), "w") as file:
                json.dump(record, file)
        page.write_page(table, root, path, title, note=note)


@click.command()
@click.argument("folder")
@click.option("--note", default="", help="What a reader must know of the page.")
def main(folder, note):
    """Makes FOLDER/report.html anew."""
    remake(folder, note.replace("\\n", "\n"))


if __name__ == "__main__":
    main()
