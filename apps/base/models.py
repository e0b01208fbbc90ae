"""Django finds the floor's models here; each lives beside the code that keeps its promises."""

from apps.base.audit import AuditRow
from apps.base.clock import ClockOffset
from apps.base.credentials import Credential
from apps.base.incidents import Incident
from apps.base.stored_settings import StoredSetting
from apps.base.work.deferred_calls import Errand
from apps.base.work.leases import Lease

__all__ = ["AuditRow", "ClockOffset", "Credential", "Errand", "Incident", "Lease", "StoredSetting"]
