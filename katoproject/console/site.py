"""The console's site: Django's admin in the theme Unfold."""

from unfold.sites import UnfoldAdminSite


class Console(UnfoldAdminSite):
    site_title = "KATO"
    index_title = "Overview"
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # It deletes rows behind the back of the operations.
        self.disable_action("delete_selected")
