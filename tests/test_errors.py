"""What errors list."""

from drltrade.errors import SHOWN, listed


def test_listed_names_all_of_a_few():
    assert listed(["b", "a"], "c") == "b, a"
    few = [f"key{i}" for i in range(SHOWN)]
    assert listed(few, "x") == ", ".join(few)


def test_listed_names_the_nearest_of_many():
    many = [f"other{i}" for i in range(40)] + ["learning_rate"]
    text = listed(many, "lerning_rat")
    assert text.startswith("learning_rate, ")
    assert text.endswith(f" and {41 - (SHOWN - 4)} more")
    assert text.count(",") == SHOWN - 5
