"""`/jobs`: background work, accepted, looked at, cancelled, taken up again."""

import httpx
import pytest


def test_a_job_that_is_not_there_is_a_404(client: httpx.Client) -> None:
    for answer in (client.get("/jobs/none"), client.delete("/jobs/none"), client.post("/jobs/none/retry")):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Job none not found"})
    assert client.get("/jobs/%00").status_code == 404


@pytest.mark.parametrize("query", ["state=lost", "kind=other", "limit=0", "limit=1001", "skip=-1"])
def test_a_filter_that_cannot_be_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]
