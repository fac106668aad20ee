"""Identifiers. Each noun has a type of its own, so that a lead's id cannot pass for a touch's."""

import secrets
from typing import Final, NewType
from uuid import UUID

import uuid_utils

TenantId = NewType("TenantId", UUID)
SiteId = NewType("SiteId", UUID)
UserId = NewType("UserId", UUID)
PersonId = NewType("PersonId", UUID)
ContactPointId = NewType("ContactPointId", UUID)
EpisodeId = NewType("EpisodeId", UUID)
LeadId = NewType("LeadId", UUID)
ScenarioId = NewType("ScenarioId", UUID)
ScenarioVersionId = NewType("ScenarioVersionId", UUID)
StepId = NewType("StepId", UUID)
TouchId = NewType("TouchId", UUID)
ReceiptId = NewType("ReceiptId", UUID)
DeliveryId = NewType("DeliveryId", UUID)
CallTaskId = NewType("CallTaskId", UUID)
CallId = NewType("CallId", UUID)
OrderId = NewType("OrderId", UUID)
ResultId = NewType("ResultId", UUID)
ContractVersionId = NewType("ContractVersionId", UUID)

PLATFORM: Final = TenantId(UUID(int=0))
"""The agency's own rows (promises and audit entries that belong to no client) carry this tenant id."""


def new_id() -> UUID:
    """Make a time-ordered id (UUID version 7, RFC 9562): made before the insert, since encryption binds to it."""
    return UUID(int=uuid_utils.uuid7().int)


def new_token(bytes_of_entropy: int = 16) -> str:
    """Make a URL-safe secret. 16 bytes are 128 bits, written as 22 characters."""
    return secrets.token_urlsafe(bytes_of_entropy)
