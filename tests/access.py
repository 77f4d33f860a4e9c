"""Access to the network for sources that need no store."""

from controller.http import Outbound
from controller.sources.access import Access
from controller.store.database import Database

ACCESS = Access(Outbound(), Database("postgresql://nobody@127.0.0.1/nothing"))
