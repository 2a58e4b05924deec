"""Which signals are on their way."""

from receiver.signals.claims import Claims


def test_the_lake_is_not_asked_for_ids_that_were_made_for_the_request():
    asked: list[list[str]] = []

    def seen(ids: list[str]) -> set[str]:
        asked.append(ids)
        return set()

    claims = Claims(seen)

    assert claims.claim(["made", "keyed"], {"made"}).fresh == {"made", "keyed"}
    assert claims.claim(["also made"], {"also made"}).fresh == {"also made"}
    assert asked == [["keyed"]]
