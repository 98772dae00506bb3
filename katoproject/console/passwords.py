"""Where an operator enters the own password: at the login, and to change it."""

from typing import Any

from django.contrib.auth.views import PasswordChangeView
from unfold.forms import AdminOwnPasswordChangeForm, AuthenticationForm

from katoproject.logins.attempts import counted


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        username, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if username is None or not password:
            return {}  # the fields say what is missing
        assert self.request is not None
        with counted(username=username, address=self.request.META["REMOTE_ADDR"]):
            cleaned: dict[str, Any] = super().clean()
        return cleaned


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """The old password can be tried, too: by a stranger who finds a window open."""

    def __init__(self, *args: Any, address: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = address

    def clean_old_password(self) -> str:
        with counted(username=self.user.get_username(), address=self._address):
            old: str = super().clean_old_password()
        return old


class OwnPasswordView(PasswordChangeView):
    form_class = OwnPasswordForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "address": self.request.META["REMOTE_ADDR"]}
