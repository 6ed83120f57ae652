"""What an error of the Graph API means, in both columns of its table."""

import pytest

from carrier.clients.instagram.graph import usage
from carrier.clients.instagram.policy import remedy


@pytest.mark.parametrize(
    ("code", "subcode", "before", "ordered"),
    [
        (4, 2207051, "human", "look"),
        (4, 0, "wait", "look"),
        (9, 2207042, "wait", "wait"),
        (9007, 2207027, "poll", "poll"),
        (24, 2207008, "again", "look"),
        (190, 463, "sign in", "sign in"),
        (210, 0, "sign in", "sign in"),
        (-1, 2207001, "retry", "look"),
        (100, 33, "retry", "look"),
        (100, 2207023, "fix", "look"),
        (36003, 2207009, "fix", "look"),
        (0, 2207082, "renew", "look"),
    ],
)
def test_an_error_has_its_remedy(code: int, subcode: int, before: str, ordered: str) -> None:
    assert (remedy(code, subcode, False, publishing=False), remedy(code, subcode, False, publishing=True)) == (
        before,
        ordered,
    )


@pytest.mark.parametrize(("passes", "before"), [(True, "retry"), (False, "fix")])
def test_an_error_that_nobody_knows_is_judged_by_what_it_says_of_itself(passes: bool, before: str) -> None:
    assert remedy(77777, 0, passes, publishing=False) == before


@pytest.mark.parametrize("passes", [True, False])
def test_an_unknown_answer_to_the_order_never_says_that_nothing_was_published(passes: bool) -> None:
    assert remedy(77777, 0, passes, publishing=True) == "look"


def test_usage_is_the_highest_share_and_the_longest_wait() -> None:
    headers = {
        "x-app-usage": '{"call_count": 28, "total_time": 25, "total_cputime": 12}',
        "x-business-use-case-usage": '{"1": [{"type": "instagram", "call_count": 95, "total_cputime": 3, '
        '"total_time": 4, "estimated_time_to_regain_access": 19}]}',
    }

    assert usage(headers) == (95, 19)


def test_headers_that_make_no_sense_say_nothing() -> None:
    assert usage({"x-app-usage": "{", "x-business-use-case-usage": "[]"}) == (0, 0)
    assert usage({"x-app-usage": '{"call_count": null}', "x-business-use-case-usage": '{"1": 7, "2": [7]}'}) == (0, 0)
