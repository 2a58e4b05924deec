"""The views that queries of the API see: `dim_*` from the business database, `fact_*` mostly from the lake."""

from typing import Final

from billing.analytics.business_views import BUSINESS_VIEWS, HELPERS
from billing.analytics.lake_views import LAKE_VIEWS

VIEWS: Final = (*BUSINESS_VIEWS, *LAKE_VIEWS)
"""What queries see, in the order of the documentation."""

BY_NAME: Final = {view.name: view for view in (*HELPERS, *VIEWS)}
