"""stub"""

from billing.api.requests import router

routes = router("customer units")
