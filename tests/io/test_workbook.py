"""Sheets of workbooks: written by XlsxWriter, made by hand (ods), kept from xlwt (xls)."""

import base64
import random
import zipfile
import zlib

import polars as pl
import pytest
import xlsxwriter

from locgraph.errors import DataError
from locgraph.io.workbook import is_workbook, read_sheets

XLS = (
    "c-rk)O=uHA6#iy6n?Kt$sj1KkAr!1yD^xt_rCk-YCrcGUkwUv^B9w+if(UxhYRyp)JSkoZy?Cj5@dp+3=0S+)K@fyQk39(r9@?yLUS=_gIW(X}"
    "Wxi#;nY{UC=4I#2?CicN#mb8h`YLF`C`?q{5d3vEK`G?@h=S@}R~EfINXgasrw|I#MEWf}?R*`Ob13J#0t5GbFNuLqlqPW&<M~`Bxq&#uJ~%@9"
    "FhVSFhb$5FvRB>AGt8Tr@3Hb3^8vP8XC5JKS)4}69v|GVqWF~2&vg;Vejjn04{X_k9=wuKeEEi`X)PQq%sSb>vm)W^z!GTQ#xl7~!O4~prwLrb"
    "H#Z4<^;YVOq_%IYU4ZQ08|{G>_M3(en1?&f0bax=luTJ;f>zrqcJpdf=}i9o)NI-UvQ8?KCE4)sK4NDwMKN)L(o9%x&%B(Y4a>Qc!@PqyjV><7"
    "IM}1KVXxl(^7d$I!k%KwJa6H(jeeW-4KA+87SuQbuRpMMka-vLRqk~wm;0FG6rz+5O!TP2kp<RV<JtilXD{QOy}hoygUZE~V~-QX&-P9#FOO9&"
    "#+TpQi|D5ZPnz1xYXL)INZh_9@x=CWp*Dq&%)P&C5J4lVe0SB;tP5)hb1}wT`z7y=P<qj%e@<fv)+d<#td~loMb8FnBwsSZ>b|d-wVurudXx30"
    "^2B7lPkCbTNR4`n^^!-8ZakC&(bo49VQ6S*XlQ6?XlQ6OL8#-rJa)>%rlk(~0rg#HjZ#&ACi!o19C^CV(TnL}<R~xTLR;~(1(xvo66<W^eJ_+a"
    "Nuw7qhZOrU*LM8UOP{F!KkIH7{e4TQ-SMmK`1yy&{{ec6%BT"
)
"""A sheet ``one``: fov_id, label; 7 and 1.0 as numbers; 007 as text, 2.5; a\\b, T; a blank row; c alone."""

ODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
<table:table table:name="one">
<table:table-row><table:table-cell office:value-type="string"><text:p>fov_id</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>label</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="float" office:value="7"><text:p>7,00</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>T</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""


def xlsx(path, **sheets):
    with xlsxwriter.Workbook(path) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return path


def xls(path):
    path.write_bytes(zlib.decompress(base64.b85decode(XLS)))
    return path


def outcome(path):
    """The cells of the sheet ``one``, or why they cannot be read."""
    try:
        return read_sheets(path)["one"].rows()
    except DataError as error:
        return str(error)


def test_numbers_and_text(tmp_path):
    rows = [["fov_id", "label"], [7, 1.0], ["007", 2.5], ["0.10", 0.1], [12345678, True], ["n", "=1/0"]]

    found = read_sheets(xlsx(tmp_path / "a.xlsx", one=rows))

    assert list(found) == ["one"]
    assert found["one"].schema == {"fov_id": pl.String, "label": pl.String}
    assert found["one"].rows() == [
        ("7", "1"),
        ("007", "2.5"),
        ("0.10", "0.1"),
        ("12345678", "true"),
        ("n", "0"),  # XlsxWriter stores 0 as the result of each formula
    ]


def test_blank_cells_rows_and_names(tmp_path):
    rows = [[], ["", " a ", "", "a", "a"], ["", 1, "", 2, 3], [], ["", " "], ["", "", "x"]]

    table = read_sheets(xlsx(tmp_path / "a.xlsx", one=rows))["one"]

    assert table.columns[-2:] == ["a_duplicated_0", "a_duplicated_1"]
    assert table["a"].to_list() == ["1", None]
    assert table.height == 2


def test_an_error_is_an_empty_cell(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        sheet = book.add_worksheet()
        sheet.write_column(0, 0, ["fov_id", "a"])
        sheet.write(0, 1, "label")
        sheet.write_formula(1, 1, "=NA()", None, "#N/A")

    assert read_sheets(tmp_path / "a.xlsx")["Sheet1"].rows() == [("a", None)]


def test_all_sheets(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as book:
        for name in ("one", "empty", "hidden"):
            book.add_worksheet(name)
        book.get_worksheet_by_name("one").write_column(0, 0, ["x", 1, 2])
        book.get_worksheet_by_name("hidden").write_column(0, 0, ["y", 3])
        book.get_worksheet_by_name("hidden").hide()
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=one!$A$2:$A$3"})
        book.add_chartsheet("chart").set_chart(chart)

    found = read_sheets(tmp_path / "a.xlsx")

    assert {name: table.rows() for name, table in found.items() if table.width} == {
        "one": [("1",), ("2",)],
        "hidden": [("3",)],
    }
    assert found["empty"].is_empty()


def test_xls(tmp_path):
    path = xls(tmp_path / "labels.csv")  # content counts, not the name

    assert is_workbook(path)
    assert read_sheets(path)["one"].rows() == [("7", "1"), ("007", "2.5"), ("a\\b", "T"), ("c", None)]


def test_ods(tmp_path):
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS.replace("\n", ""))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")

    assert is_workbook(path)
    assert read_sheets(path)["one"].rows() == [("7", "T")]  # the number, not how it is shown


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"PAR1"])
def test_what_is_no_workbook(tmp_path, content):
    (tmp_path / "a.xlsx").write_bytes(content)

    assert not is_workbook(tmp_path / "a.xlsx")


def test_another_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("notes.txt", "nothing")

    with pytest.raises(DataError, match=r"a\.xlsx: expected a whole workbook .* Save it again, or as CSV"):
        read_sheets(tmp_path / "a.xlsx")


def test_what_is_larger_when_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("locgraph.io.workbook._MAX_BYTES", 1000)

    with pytest.raises(DataError, match=r"at most 1 GiB when unpacked; found .* GiB when unpacked"):
        read_sheets(xlsx(tmp_path / "a.xlsx", one=[["a"]]))


def test_a_wrong_checksum(tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sheet.xml", "<value>12345678</value>")
    path.write_bytes(path.read_bytes().replace(b"12345678", b"12445678"))

    with pytest.raises(DataError, match=r"found one that cannot be read \(wrong checksum of xl/sheet\.xml\)"):
        read_sheets(path)


def test_what_takes_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr("locgraph.io.workbook._TIME_LIMIT_S", 0.01)

    with pytest.raises(DataError, match=r"not read within 0\.01 s"):
        read_sheets(xls(tmp_path / "a.xls"))


def test_damaged_xlsx_is_refused_or_read_right(tmp_path):
    path = xlsx(tmp_path / "a.xlsx", one=[["fov_id", "label"], ["a", "L"], [7, 1.5]])
    whole, right = path.read_bytes(), outcome(path)
    rng = random.Random(0)
    found = []
    for number in range(30):
        content = bytearray(whole)
        if number % 3 == 0:
            del content[rng.randrange(4, len(content)) :]
        else:
            content[rng.randrange(4, len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        found.append(outcome(path))

    assert right == [("a", "L"), ("7", "1.5")]
    assert all(one == right or f"{path}: expected a whole workbook" in one for one in found)
    assert found.count(right) <= 10


def test_damaged_xls_is_refused(tmp_path):
    path = xls(tmp_path / "a.xls")
    path.write_bytes(path.read_bytes()[:3000])

    with pytest.raises(DataError, match=r"a\.xls: expected a whole workbook .* cannot be read \(calamine error"):
        read_sheets(path)


def test_damaged_xls_does_not_end_this_process(tmp_path):
    path = xls(tmp_path / "a.xls")
    right = outcome(path)
    content = bytearray(path.read_bytes())
    content[1582] ^= 4  # the number of texts: fastexcel asks for 40 GB, and aborts where it gets none
    path.write_bytes(content)

    found = outcome(path)

    assert found == right or "cannot be read (memory allocation" in found


ENTITIES = {
    "of a file": """<!DOCTYPE t [<!ENTITY e SYSTEM "file://{secret}">]>""",
    "of the network": """<!DOCTYPE t [<!ENTITY e SYSTEM "http://127.0.0.1:9/secret">]>""",
    "that grow": "<!DOCTYPE t [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 10))
    + "<!ENTITY e '&a9;'>]>",
}


@pytest.mark.parametrize("kind", ENTITIES)
def test_entities_are_not_resolved(tmp_path, kind):
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden")
    whole = xlsx(tmp_path / "whole.xlsx", one=[["fov_id", "label"], ["a", "MARK"]])
    path = tmp_path / "entities.xlsx"
    declared = ENTITIES[kind].replace("{secret}", str(secret))
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            content = source.read(name).decode()
            if name == "xl/sharedStrings.xml":
                head, body = content.split("?>", 1)
                content = f"{head}?>{declared}{body.replace('MARK', '&e;')}"
            target.writestr(name, content)

    found = outcome(path)

    # refused, or without what the entity stands for
    assert "hidden" not in str(found)
    assert len(str(found)) < 1000
