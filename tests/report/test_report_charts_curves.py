"""Learning curves whose seeds end at different rounds, and many of them."""

from xml.etree import ElementTree

from chainward.report.charts import draw, learning_curves

SVG = "{http://www.w3.org/2000/svg}"


def curve(label, seeds, start=0.7):
    """Rows of a strategy: how many seeds reached each round."""
    return [
        {"task": "heart", "label": label, "round": number, "trials": trials, "auroc_mean": start + 0.01 * number}
        for number, trials in enumerate(seeds, 1)
    ]


def values(chart):
    """Every row of data that a chart holds."""
    return [row for rows in chart.specification["datasets"].values() for row in rows]


def svg(chart):
    return draw([chart])[chart.key].svg


def told(chart):
    return [one.text for one in ElementTree.fromstring(svg(chart)).iter(f"{SVG}text") if one.text]


def test_a_line_stops_where_the_first_seed_ends():
    chart = learning_curves(curve("explorer", [5, 5, 5, 3, 3, 1]), "key")
    points = [row for row in values(chart) if "part" in row]
    assert [row["round"] for row in points if row["whole"]] == [1, 2, 3]
    assert [(row["round"], row["part"]) for row in points if not row["whole"]] == [(4, 1), (5, 1), (6, 2)]
    assert [row["end"] for row in points if "end" in row] == ["0.730"]
    assert "stroke-dasharray" in svg(chart)


def test_a_line_of_all_seeds_is_whole():
    chart = learning_curves(curve("fedavg", [5] * 4), "key")
    assert all(row["whole"] for row in values(chart) if "part" in row)
    assert "stroke-dasharray" not in svg(chart)
    assert "0.740" in told(chart)


def test_a_single_round_is_a_point_with_its_figure():
    chart = learning_curves([*curve("pooled", [5]), *curve("fedavg", [5] * 4)], "key")
    assert {"pooled", "fedavg", "0.710", "0.740"} <= set(told(chart))


def test_the_median_is_of_the_same_strategies_in_every_round():
    """Else it would jump where those that are done fall out of it."""
    rows = [
        *curve("a", [5] * 4, 0.70),
        *curve("b", [5] * 4, 0.80),
        *curve("c", [5] * 2, 0.2),
        *curve("d", [5, 5, 5, 4]),
    ]
    middle = [row for row in values(learning_curves(rows, "key")) if set(row) == {"round", "auroc_mean"}]
    assert [(row["round"], round(row["auroc_mean"], 6)) for row in middle] == [
        (number, round(0.75 + 0.01 * number, 6)) for number in range(1, 5)
    ]
    alone = learning_curves(curve("a", [5] * 4), "key")
    assert not [row for row in values(alone) if set(row) == {"round", "auroc_mean"}]


def test_thirty_variants_have_a_panel_each_in_the_order_of_their_numbers():
    names = [f"bflc (committee {number})" for number in range(30)]
    chart = learning_curves([row for name in names[::-1] for row in curve(name, [2] * 8)], "key")
    picture = svg(chart)
    found = [one.text for one in ElementTree.fromstring(picture).iter(f"{SVG}text")]
    assert [one for one in found if one in names] == names
    assert len(picture) < 100_000
