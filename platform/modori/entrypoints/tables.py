"""Import every room's tables, so that the metadata is whole: for migrations and the tests of the catalogue."""

import modori.api.model
import modori.billing.model
import modori.calls.model
import modori.capture.model
import modori.capture.sightings.model
import modori.channels.model
import modori.connectors.csv.model
import modori.leads.model
import modori.outcomes.model
import modori.outreach.model
import modori.people.model
import modori.sending.model
import modori.storage.model
import modori.tenants.model

ROOMS = (
    modori.storage.model,
    modori.tenants.model,
    modori.people.model,
    modori.capture.model,
    modori.capture.sightings.model,
    modori.leads.model,
    modori.sending.model,
    modori.channels.model,
    modori.calls.model,
    modori.outreach.model,
    modori.outcomes.model,
    modori.billing.model,
    modori.connectors.csv.model,
    modori.api.model,
)
