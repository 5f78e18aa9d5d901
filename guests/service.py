"""What a service looks like: a plain Python callable whose annotations say which tensors go in and come out.

A service without state is a function, one with state a class whose instances are called:

    def detect(frame: Tensor["uint8", 480, 640, 3]) -> Tensor["float32", 16, 6]: ...

    class Outputs(NamedTuple):
        detections: Tensor["float32", 16, 6]
        preview: Tensor["uint8", 120, 160, 3]

    class Detector:
        def __init__(self, model: str, threshold: float = 0.5) -> None: ...
        def __call__(self, frame: Tensor["uint8", 480, 640, 3]) -> Outputs: ...

Every parameter is an input port. One with the default None is optional: the service is called when all others have a
tensor, and gets the newest that has come here since its last call, or None:

    def draw(frame: Tensor["uint8", 480, 640, 3], status: Tensor["uint8", 8] | None = None) -> ...

A single output is the port ``result``; several are the fields of a `NamedTuple`.
The arguments of a class come from the scenario's ``settings``. A service that returns None for an output sends nothing
on it.

This file is copied into the guest: it imports the standard library only.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ForwardRef, get_args

RESULT = "result"
"""Name of the output port of a service that returns one tensor."""

MAX_RANK = 6
"""Most dimensions of a tensor that fit into the ring's frame header (docs/ring.md)."""

ITEM_BYTES: Mapping[str, int] = {
    "bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4,
    "uint64": 8, "int64": 8, "float16": 2, "float32": 4, "float64": 8,
}  # fmt: skip
"""Bytes of one element, for every dtype that a ring can carry (numpy's names)."""


class SignatureError(TypeError):
    """The callable's annotations do not describe a service."""


@dataclass(frozen=True)
class TensorType:
    """Kind of tensor that a port or a channel carries.

    Attributes:
        dtype: element type by numpy's name, one of `ITEM_BYTES`.
        shape: length of each dimension, 1 to `MAX_RANK` of them.
        scale: quantisation scale; real value = scale * (stored value - zero_point).
        zero_point: quantisation zero point.

    Raises:
        ValueError: unknown dtype, too many dimensions, or a dimension below 1.
    """

    dtype: str
    shape: tuple[int, ...]
    scale: float = 1.0
    zero_point: int = 0

    def __post_init__(self) -> None:
        if self.dtype not in ITEM_BYTES:
            raise ValueError(f"unknown dtype {self.dtype!r}; one of {', '.join(ITEM_BYTES)}")
        if not 1 <= len(self.shape) <= MAX_RANK:
            raise ValueError(f"{len(self.shape)} dimensions do not fit a tensor; it has 1 to {MAX_RANK}")
        for length in self.shape:
            if not isinstance(length, int) or length < 1:
                raise ValueError(f"{length!r} is no dimension; it is a whole number from 1")

    @property
    def bytes(self) -> int:
        """Size of the elements without any header, in bytes."""
        size = ITEM_BYTES[self.dtype]
        for length in self.shape:
            size *= length
        return size

    def same_layout(self, other: TensorType) -> bool:
        """Tell whether dtype and shape are equal; quantisation is carried with each tensor and may differ."""
        return (self.dtype, self.shape) == (other.dtype, other.shape)

    def __str__(self) -> str:
        text = f"{self.dtype}[{','.join(map(str, self.shape))}]"
        if (self.scale, self.zero_point) != (1.0, 0):
            text += f" scale={self.scale!r} zero_point={self.zero_point}"
        return text

    def __or__(self, other: object) -> TensorType:
        """Allow ``Tensor[...] | None`` for an output that is not always sent and for an optional input."""
        return self if other is None or other is type(None) else NotImplemented

    __ror__ = __or__

    def __call__(self, *_: object) -> None:
        """Refuse; it exists because `typing` (3.10) takes only callables for annotations."""
        raise TypeError(f"{self} is an annotation and cannot be called")


class Tensor:
    """Annotation of a tensor: ``Tensor["uint8", 480, 640, 3]`` is a dtype followed by the dimensions."""

    def __class_getitem__(cls, item: object) -> TensorType:
        dtype, *shape = item if isinstance(item, tuple) else (item,)
        return TensorType(dtype, tuple(shape))


@dataclass(frozen=True)
class Setting:
    """One argument of a service class, filled from the scenario's ``settings``.

    Attributes:
        required: True where the class gives no default.
        kind: the annotation when it is a class such as float or str, otherwise None (anything goes).
    """

    required: bool
    kind: type | None = None


@dataclass(frozen=True)
class Signature:
    """Ports and settings of a service.

    Attributes:
        inputs: tensor type of each input port, in the order of the parameters; the optional ones come last.
        outputs: tensor type of each output port, in the order of the returned fields.
        settings: arguments of the class by name; empty for a function.
        any_settings: the class takes ``**settings`` and so any name.
        is_class: True where the callable must be made into an instance before it is called.
        optional: inputs that are sampled and may stay open.
    """

    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    any_settings: bool = False
    is_class: bool = False
    optional: frozenset[str] = frozenset()

    @property
    def required(self) -> tuple[str, ...]:
        """Inputs that all need a tensor for a call, in the order of the parameters."""
        return tuple(name for name in self.inputs if name not in self.optional)


def signature(service: Callable[..., object]) -> Signature:
    """Read the ports and settings of a service from its annotations, without calling it.

    Parameters:
        service: a function, or a class that defines ``__call__``.

    Returns:
        The ports and settings.

    Raises:
        SignatureError: an annotation is missing or is no `Tensor`; the message is one line.
    """
    if not inspect.isclass(service):
        inputs, optional = _inputs(service, skip_self=False)
        return Signature(inputs, _outputs(service), optional=optional)
    if "__call__" not in vars(service) and not any("__call__" in vars(base) for base in service.__mro__):
        raise SignatureError(f"class {service.__name__} has no __call__ method")
    call = service.__call__
    settings, any_settings = _settings(service)
    inputs, optional = _inputs(call, skip_self=True)
    return Signature(inputs, _outputs(call), settings, any_settings, is_class=True, optional=optional)


def _parameters(function: Callable[..., object], skip_self: bool) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except Exception as error:
        raise SignatureError(f"annotations of {_name(function)} cannot be read: {_line(error)}") from error
    return parameters[1:] if skip_self else parameters


def _inputs(function: Callable[..., object], skip_self: bool) -> tuple[dict[str, TensorType], frozenset[str]]:
    """Return the inputs, and which of them are optional."""
    inputs, optional = {}, []
    for parameter in _parameters(function, skip_self):
        where = f"parameter {parameter.name} of {_name(function)}"
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise SignatureError(f"parameter {parameter} of {_name(function)} has no name of its own to be a port")
        if parameter.kind is parameter.KEYWORD_ONLY:
            raise SignatureError(f"{where} can only be given by name; tensors are given in order, without a * before")
        if parameter.annotation is parameter.empty:
            raise SignatureError(f'{where} has no annotation such as Tensor["uint8", 28, 28]')
        if parameter.default is None:
            optional.append(parameter.name)
        elif parameter.default is not parameter.empty:
            raise SignatureError(f"{where} has the default {parameter.default!r}; that of an optional input is None")
        inputs[parameter.name] = _tensor(parameter.annotation, where)
    return inputs, frozenset(optional)


def _outputs(function: Callable[..., object]) -> dict[str, TensorType]:
    returned = inspect.signature(function, eval_str=True).return_annotation
    if returned is inspect.Signature.empty:
        raise SignatureError(f'{_name(function)} has no return annotation such as -> Tensor["float32", 10] or -> None')
    returned = _without_none(returned)
    if returned is None or returned is type(None):
        return {}
    if inspect.isclass(returned) and issubclass(returned, tuple) and hasattr(returned, "_fields"):
        kinds = _field_annotations(returned)
        return {name: _tensor(kinds.get(name), f"field {name} of {returned.__name__}") for name in returned._fields}
    return {RESULT: _tensor(returned, f"what {_name(function)} returns")}


def _settings(service: type) -> tuple[dict[str, Setting], bool]:
    if service.__init__ is object.__init__:  # type: ignore[misc]
        return {}, False
    settings, any_settings = {}, False
    for parameter in _parameters(service.__init__, skip_self=True):  # type: ignore[misc]
        if parameter.kind is parameter.VAR_KEYWORD:
            any_settings = True
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            kind = parameter.annotation if parameter.annotation in (bool, int, float, str) else None
            settings[parameter.name] = Setting(parameter.default is parameter.empty, kind)
    return settings, any_settings


def _field_annotations(outputs: type) -> dict[str, Any]:
    """Return a named tuple's annotations evaluated; `typing` keeps them as forward references."""
    scope = vars(sys.modules[outputs.__module__]) if outputs.__module__ in sys.modules else {}
    kinds: dict[str, Any] = {}
    for name, kind in inspect.get_annotations(outputs).items():
        text = kind.__forward_arg__ if isinstance(kind, ForwardRef) else kind
        try:
            kinds[name] = eval(text, scope) if isinstance(text, str) else text  # the service's own source text
        except Exception as error:
            raise SignatureError(f"field {name} of {outputs.__name__} cannot be read: {_line(error)}") from error
    return kinds


def _without_none(annotation: Any) -> Any:
    """Turn ``Optional[X]`` into X."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and type(None) in get_args(annotation) else annotation


def _tensor(annotation: Any, where: str) -> TensorType:
    annotation = _without_none(annotation)
    if not isinstance(annotation, TensorType):
        shown = getattr(annotation, "__name__", str(annotation))
        raise SignatureError(f'{where} is annotated {shown}, not as a tensor such as Tensor["uint8", 28, 28]')
    return annotation


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", repr(function))


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
