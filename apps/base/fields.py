"""Encrypted model fields. The model's primary key must be a UUID known before the insert (`ids.uuid7`)."""

from __future__ import annotations

import json
from typing import Any, Never

from django.db import models
from django.db.models.query_utils import DeferredAttribute

from apps.base.normalize_text import tidy
from apps.base.sealing import open_sealed, seal
from host.crypto import CannotOpen


class Sealed:
    """Bytes as they lie in the database. Opened by attribute access on a model, and by nothing else."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def _refuse(self, *args: object) -> Never:
        raise TypeError("a sealed column is read through its model, not through values()")

    __str__ = __len__ = __iter__ = __bytes__ = __bool__ = __getitem__ = _refuse


class _OpenOnAccess(DeferredAttribute):
    """Decrypts on first access: only here is the primary key known."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        if isinstance(value, Sealed):
            field: Any = self.field
            plain = open_sealed(value.raw, column=field.column_name, pk=instance.pk)
            value = instance.__dict__[field.attname] = field.decode(plain)
        return value

    def __set__(self, instance: Any, value: Any) -> None:
        """A data descriptor, so that reading always comes through `__get__`."""
        instance.__dict__[self.field.attname] = value


class NameField(models.CharField):
    """What people call something, kept as it looks: styled letters plain, single spaces, nothing invisible. Not blank,
    it must show something."""

    def deconstruct(self) -> Any:
        """For migrations it is any text column."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Raises ValidationError, also for a name that shows nothing."""
        return super().clean(tidy(value) if isinstance(value, str) else value, model_instance)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = tidy(value)[: self.max_length]
            setattr(model_instance, self.attname, value)
        return value


class EncryptedField(models.Field):
    """Base of the encrypted columns: bytea holding `crypto.seal`.

    `column_name` is frozen for ever: it is part of what the ciphertext is bound to, whatever the model is called.
    `update()`, `bulk_update()` and lookups raise; `values()` hands out an object that refuses to be read.
    """

    descriptor_class = _OpenOnAccess

    def __init__(self, *args: Any, column_name: str = "", **kwargs: Any) -> None:
        if not column_name:
            raise TypeError("an encrypted field needs its frozen column_name")
        self.column_name = column_name
        super().__init__(*args, **kwargs)

    def encode(self, value: Any) -> bytes:
        raise NotImplementedError

    def decode(self, plain: bytes) -> Any:
        raise NotImplementedError

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "column_name": self.column_name}

    def get_internal_type(self) -> str:
        return "BinaryField"

    def from_db_value(self, value: Any, expression: object, connection: object) -> Sealed | None:
        return None if value is None else Sealed(bytes(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        return Sealed(seal(self.encode(value), column=self.column_name, pk=model_instance.pk))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, Sealed):
            raise TypeError(f"{self.name} is encrypted: save it through the model")
        return connection.Database.Binary(value.raw)

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise TypeError(f"{self.name} is encrypted: look it up by its hash column")

    def value_to_string(self, obj: models.Model) -> Never:
        raise TypeError("encrypted fields are not serialised in clear")


DAMAGED = "(rusak, tidak terbaca)"


def shown(row: models.Model, name: str) -> Any:
    """An encrypted value for people to read, or DAMAGED: one bad row hides no others of a list or an export."""
    try:
        return getattr(row, name)
    except CannotOpen:
        return DAMAGED


class EncryptedTextField(EncryptedField):
    def encode(self, value: str) -> bytes:
        return str(value).encode()

    def decode(self, plain: bytes) -> str:
        return plain.decode()


class EncryptedJSONField(EncryptedField):
    def encode(self, value: Any) -> bytes:
        return json.dumps(value, separators=(",", ":")).encode()

    def decode(self, plain: bytes) -> Any:
        return json.loads(plain)


class EncryptedBytesField(EncryptedField):
    def encode(self, value: bytes) -> bytes:
        return bytes(value)

    def decode(self, plain: bytes) -> bytes:
        return plain
