"""What Django's page for a failed request shows, which it does with DEBUG only."""

import re

from django.views.debug import SafeExceptionReporterFilter


class NoPasswords(SafeExceptionReporterFilter):
    """Also hides the addresses of the stores, because they contain passwords."""

    hidden_settings = re.compile(f"{SafeExceptionReporterFilter.hidden_settings.pattern}|_URL|LOCATION", re.IGNORECASE)
