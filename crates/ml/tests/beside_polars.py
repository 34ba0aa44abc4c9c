"""Awkward files, and what Polars finds in them beside what our profile says.

beside_polars.py make FOLDER      writes the files
beside_polars.py compare FOLDER   reads them with Polars and compares with NAME.profile.json
"""

import gzip
import io
import json
import math
import random
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

# The words for "nothing" that our reader knows.
NOTHING = ["", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "<NA>", "#N/A", "#NA", "#N/A N/A"]


def texts():
    """Name, bytes as they lie on the disk, and the same as plain UTF-8 for Polars, with its separator."""
    chance = random.Random(7)
    plain = "name,city,n\nJosé,Zürich,1\nÅsa,Malmö,2\nJosé,Zürich,\n"
    yield "bom.csv", b"\xef\xbb\xbf" + plain.encode(), plain, ","
    yield "utf16le.csv", b"\xff\xfe" + plain.encode("utf-16-le"), plain, ","
    yield "utf16be.csv", b"\xfe\xff" + plain.encode("utf-16-be"), plain, ","
    yield "latin1.csv", plain.encode("latin-1"), plain, ","
    yield "crlf.csv", plain.replace("\n", "\r\n").encode(), plain, ","
    yield "semicolons.csv", b"a;b;c\n1;x,y;2.5\n2;z,w;\n", None, ";"
    yield "tabs.tsv", b"a\tb\n1\tx y\n2\t\n3\tz\n", None, "\t"
    yield "bars.txt", b"a|b|c\n1|2|3\n4|5|6\n", None, "|"
    yield "quotes.csv", b'id,text\n1,"two\nlines"\n2,"a ""quoted"" word"\n3,"commas, too"\n4,"two\nlines"\n', None, ","
    yield "ragged.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n10\n", None, ","
    wide = ",".join(f"c{at}" for at in range(10_000)) + "\n"
    rows = (",".join(str(chance.randrange(1000)) for _ in range(10_000)) + "\n" for _ in range(5))
    yield "wide.csv", (wide + "".join(rows)).encode(), None, ","
    yield "huge.csv", b"n,m\n9223372036854775807,1\n-9223372036854775808,2\n0,3\n", None, ","
    yield "mixed.csv", b"a,b\n1,2024-01-01\ntwo,3\n3.5,x\n1,y\n", None, ","
    yield "header.csv", b"a,b,c\n", None, ","
    missing = "".join(f"{word},{at}\n" for at, word in enumerate(NOTHING[1:])) + "5,99\n"
    yield "missing.csv", ("a,b\n" + missing).encode(), None, ","
    yield "packed.csv.gz", gzip.compress(plain.encode()), plain, ","
    yield "floats.csv", b"a,b\n1e3,0.1\n-2.5E-3,.5\n1,1e-300\n", None, ","
    yield "booleans.csv", b"a,b\ntrue,1\nfalse,0\ntrue,\n", None, ","
    yield "unicode.csv", "größe,имя,数\n1,😀,一\n2,😀,二\n".encode(), None, ","
    yield "single.csv", b"only\n3\n1\n2\n2\n", None, ","
    yield "no-end.csv", b"a,b\n1,2\n3,4", None, ","
    zeros = "".join(f"{code:05},{code}\n" for code in range(40))
    yield "leading-zeros.csv", ("zip,n\n" + zeros).encode(), None, ","
    many = io.StringIO()
    many.write("uniform,skewed,small,key\n")
    for row in range(120_000):
        many.write(f"{chance.uniform(-5, 5)},{math.exp(chance.gauss(0, 2))},{chance.randrange(9)},k{row}\n")
    yield "many.csv", many.getvalue().encode(), None, ","


def frames():
    chance = random.Random(11)
    rows = 3000
    yield "types.parquet", pl.DataFrame({
        "i8": [at % 100 for at in range(rows)],
        "i64": [None if at % 7 == 0 else at * 1_000_003 for at in range(rows)],
        "f32": pl.Series([chance.random() for _ in range(rows)], dtype=pl.Float32),
        "f64": [None if at % 5 == 0 else chance.gauss(0, 1) for at in range(rows)],
        "text": [["red", "green", None][at % 3] for at in range(rows)],
        "flag": [at % 2 == 0 for at in range(rows)],
        "day": [date(2020, 1, 1) + timedelta(days=at % 400) for at in range(rows)],
        "time": [datetime(2020, 1, 1) + timedelta(seconds=at) for at in range(rows)],
        "list": [[1] * (at % 4) for at in range(rows)],
    }).with_columns(pl.col("i8").cast(pl.Int8)), {"compression": "zstd", "row_group_size": 700}
    yield "snappy.parquet", pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "z"]}), {"compression": "snappy"}
    yield "empty.parquet", pl.DataFrame({"a": pl.Series([], dtype=pl.Int64)}), {}


LINES = "".join(
    json.dumps({"a": at, "b": None if at % 3 else at / 4, "c": f"word {at % 5}", "d": at % 2 == 0}) + "\n" for at in range(300)
)


def make(folder):
    for name, data, _, _ in texts():
        (folder / name).write_bytes(data)
    for name, frame, how in frames():
        frame.write_parquet(folder / name, **how)
    (folder / "lines.jsonl").write_text(LINES)
    (folder / "nothing.csv").write_bytes(b"")


def families(dtype):
    """Kinds of ours that a type of Polars may be."""
    if dtype.is_integer():
        return {"integer"}
    if dtype.is_float():
        return {"number"}
    return {pl.Boolean: {"boolean"}, pl.Date: {"date"}, pl.Datetime: {"timestamp"}, pl.List: {"nested"}}.get(dtype.base_type(), {"text", "date", "timestamp"})


def near(one, other, slack=1e-9):
    return math.isclose(one, other, rel_tol=slack, abs_tol=1e-12)


def compare_column(name, column, profile):
    def agree(what, ours, theirs, same=None):
        if not (ours == theirs if same is None else same):
            raise AssertionError(f"{name}: {column.name}: {what} is {ours}, for Polars {theirs}")

    there = column.drop_nulls()
    agree("missing", profile["missing"], column.null_count())
    if there.is_empty():
        return agree("kind", profile["kind"], "empty")
    agree("kind", profile["kind"], column.dtype, profile["kind"] in families(column.dtype))
    if column.dtype.base_type() == pl.List:
        return None
    distinct = there.n_unique()
    slack = 0 if profile["distinct_exact"] else 0.04 * distinct
    agree("distinct", profile["distinct"], distinct, abs(profile["distinct"] - distinct) <= slack)
    if profile["top_exact"] and not column.dtype.is_float():
        most = there.value_counts(sort=True)["count"][0]
        agree("count of the most frequent", profile["top"][0]["count"], most)
    if not column.dtype.is_numeric():
        return None
    numbers = profile["numbers"]
    values = there.cast(pl.Float64)
    agree("min", numbers["min"], values.min(), near(numbers["min"], values.min(), 1e-7))
    agree("max", numbers["max"], values.max(), near(numbers["max"], values.max(), 1e-7))
    agree("mean", numbers["mean"], values.mean(), near(numbers["mean"], values.mean(), 1e-6))
    if len(values) > 1:
        spread = (numbers["standard_deviation"], values.std())
        agree("standard deviation", *spread, near(*spread, 1e-6))
    # A quantile is right where its rank is: within 2 % of it, or of the rows beside it.
    for share, key in [(0.01, "p01"), (0.05, "p05"), (0.25, "p25"), (0.5, "p50"), (0.75, "p75"), (0.95, "p95"), (0.99, "p99")]:
        ours = numbers["quantiles"][key]
        below, up_to = (values < ours).mean(), (values <= ours).mean()
        slack = 0.02 + 1.5 / len(values)
        agree(key, ours, values.quantile(share), below - slack <= share <= up_to + slack)
    histogram = profile.get("histogram")
    if histogram:
        counted = sum(bar["count"] for bar in histogram["bars"]) + histogram["below"] + histogram["above"]
        agree("rows in the histogram", counted, len(values), abs(counted - len(values)) <= 20)
    return None


def compare_table(name, frame, profile):
    ours = [column["name"] for column in profile["columns"]]
    assert profile["rows"] == frame.height, f"{name}: {profile['rows']} rows, for Polars {frame.height}"
    assert ours == frame.columns, f"{name}: columns {ours[:9]}, for Polars {frame.columns[:9]}"
    for column, found in zip(frame.get_columns(), profile["columns"], strict=True):
        compare_column(name, column, found)


def compare(folder):
    compared = 0

    def profile(name):
        nonlocal compared
        compared += 1
        return json.loads((folder / f"{name}.profile.json").read_text())

    for name, data, plain, separator in texts():
        source = io.BytesIO(data if plain is None else plain.encode())
        frame = pl.read_csv(source, separator=separator, infer_schema_length=None, null_values=NOTHING, truncate_ragged_lines=True)
        compare_table(name, frame, profile(name))
    for name, _, _ in frames():
        compare_table(name, pl.read_parquet(folder / name), profile(name))
    compare_table("lines.jsonl", pl.read_ndjson(folder / "lines.jsonl", infer_schema_length=None), profile("lines.jsonl"))
    nothing = profile("nothing.csv")
    assert (nothing["rows"], nothing["columns"]) == (0, []), nothing
    print(f"{compared} files alike")


{"make": make, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
