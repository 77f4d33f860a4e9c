from controller.sources.memory import Memory


def test_what_was_made_once_is_kept_until_others_were_used_more_recently() -> None:
    memory = Memory(most=2)
    first = memory.of("a", object)
    assert memory.of("a", object) is first
    second = memory.of("b", object)
    memory.of("a", object)
    memory.of("c", object)
    assert memory.of("a", object) is first
    assert memory.of("b", object) is not second
