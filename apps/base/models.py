"""Django finds the floor's models here; each lives beside the code that keeps its promises."""

from apps.base.audit import AuditRow
from apps.base.clock import ClockOffset
from apps.base.credentials import Credential
from apps.base.errands import Errand
from apps.base.incidents import Incident
from apps.base.leases import Lease
from apps.base.stored import StoredSetting

__all__ = ["AuditRow", "ClockOffset", "Credential", "Errand", "Incident", "Lease", "StoredSetting"]
