"""Signatures of services: what annotations may say, in every way that Python lets people write them."""

from __future__ import annotations

from typing import NamedTuple, Optional

import pytest

from guests.service import RESULT, Setting, SignatureError, Tensor, TensorType, signature

PICTURE = TensorType("uint8", (4, 4))
SCORES = TensorType("float32", (10,))


def classify(picture: Tensor["uint8", 4, 4], mask: Tensor["uint8", 4, 4]) -> Tensor["float32", 10]:
    return picture


class Both(NamedTuple):
    scores: Tensor["float32", 10]
    picture: Tensor["uint8", 4, 4] | None


class Classifier:
    def __init__(self, model: str, least: float = 0.5, names: list[str] | None = None) -> None: ...

    def __call__(self, picture: Tensor["uint8", 4, 4]) -> Both: ...


class Open:
    def __init__(self, **settings: object) -> None: ...

    def __call__(self, picture: Tensor["uint8", 4, 4]) -> Optional[Tensor["float32", 10]]: ...  # noqa: UP045


class Inherited(Classifier):
    pass


class Plain:
    def __call__(self, picture: Tensor["uint8", 4, 4]) -> None: ...


def test_a_function() -> None:
    found = signature(classify)
    assert dict(found.inputs) == {"picture": PICTURE, "mask": PICTURE}
    assert dict(found.outputs) == {RESULT: SCORES}
    assert (dict(found.settings), found.is_class) == ({}, False)


@pytest.mark.parametrize("service", [Classifier, Inherited])
def test_a_class(service: type) -> None:
    found = signature(service)
    assert dict(found.inputs) == {"picture": PICTURE}
    assert dict(found.outputs) == {"scores": SCORES, "picture": PICTURE}
    assert found.settings == {"model": Setting(True, str), "least": Setting(False, float), "names": Setting(False)}
    assert (found.is_class, found.any_settings) == (True, False)


def test_open_settings_and_none() -> None:
    assert signature(Open).any_settings
    assert dict(signature(Open).outputs) == {RESULT: SCORES}
    assert signature(Plain).outputs == {}
    assert signature(Plain).settings == {}


def test_annotations_that_are_not_text() -> None:
    scope: dict[str, object] = {}
    source = (
        "from typing import NamedTuple, Optional\nfrom guests.service import Tensor\n"
        "class Out(NamedTuple):\n    a: Tensor['float32', 10]\n    b: Optional[Tensor['uint8', 4, 4]]\n"
        "def service(x: Tensor['uint8', 4, 4]) -> Out: ...\n"
    )
    exec(compile(source, "service", "exec", dont_inherit=True), scope)
    assert dict(signature(scope["service"]).outputs) == {"a": SCORES, "b": PICTURE}  # type: ignore[arg-type]


def sampled(
    picture: Tensor["uint8", 4, 4], scores: Tensor["float32", 10] | None = None, mask: Tensor["uint8", 4, 4] = None
) -> None: ...


class Sampler:
    def __call__(
        self,
        picture: Tensor["uint8", 4, 4],
        scores: Optional[Tensor["float32", 10]] = None,  # noqa: UP045
    ) -> None: ...


def test_optional_inputs() -> None:
    found = signature(sampled)
    assert dict(found.inputs) == {"picture": PICTURE, "scores": SCORES, "mask": PICTURE}
    assert (found.required, found.optional) == (("picture",), {"scores", "mask"})
    found = signature(Sampler)
    assert (found.required, found.optional) == (("picture",), {"scores"})
    assert signature(classify).optional == frozenset()


def no_return(picture: Tensor["uint8", 4, 4]): ...


def bare(picture) -> None: ...


def other(picture: int) -> None: ...


def returns_other(picture: Tensor["uint8", 4, 4]) -> list[int]: ...


def several(*pictures: Tensor["uint8", 4, 4]) -> None: ...


def by_name(*, picture: Tensor["uint8", 4, 4]) -> None: ...


def other_default(picture: Tensor["uint8", 4, 4] = 3) -> None: ...


def positional(picture: Tensor["uint8", 4, 4], /) -> None: ...


def unknown_name(picture: Missing["uint8", 4, 4]) -> None: ...


class NoCall: ...


class WrongField(NamedTuple):
    scores: int


def wrong_field(picture: Tensor["uint8", 4, 4]) -> WrongField: ...


@pytest.mark.parametrize(
    ("service", "phrase"),
    [
        (no_return, "no_return has no return annotation"),
        (bare, "parameter picture of bare has no annotation"),
        (other, "parameter picture of other is annotated int, not as a tensor"),
        (returns_other, "what returns_other returns is annotated list"),
        (several, "has no name of its own to be a port"),
        (positional, "has no name of its own to be a port"),
        (by_name, "parameter picture of by_name can only be given by name"),
        (other_default, "parameter picture of other_default has the default 3; that of an optional input is None"),
        (unknown_name, "annotations of unknown_name cannot be read: NameError: name 'Missing' is not defined"),
        (NoCall, "class NoCall has no __call__ method"),
        (wrong_field, "field scores of WrongField is annotated int"),
    ],
)
def test_what_is_no_service(service: object, phrase: str) -> None:
    with pytest.raises(SignatureError) as caught:
        signature(service)  # type: ignore[arg-type]
    assert phrase in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [("uint4", 3), ("uint8",), ("uint8", 0), ("uint8", "3"), ("uint8", *[1] * 7)])
def test_wrong_tensors(wrong: tuple[object, ...]) -> None:
    with pytest.raises(ValueError):
        Tensor[wrong]


def test_a_tensor_type() -> None:
    assert str(Tensor["uint8", 480, 640, 3]) == "uint8[480,640,3]"
    assert Tensor["float32", 16, 6].bytes == 16 * 6 * 4
    assert Tensor["bool", 3].bytes == 3
    assert TensorType("int8", (3,), 0.5, 1).same_layout(Tensor["int8", 3])
    with pytest.raises(TypeError, match="annotation"):
        Tensor["bool", 3]()
