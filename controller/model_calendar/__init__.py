"""Until when models can be had: a list that is kept by hand, and what providers themselves answer."""

from controller.model_calendar.calendar import Health, ModelCalendar
from controller.model_calendar.file import load_calendar
from controller.model_calendar.listings import LISTINGS, asked, chosen
from controller.model_calendar.listings.listing import BadListing, Listing

__all__ = ["LISTINGS", "BadListing", "Health", "Listing", "ModelCalendar", "asked", "chosen", "load_calendar"]
