# One image for web, worker, beat and migrations; docker-compose.yml says which is which.
FROM python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN useradd --uid 10001 --no-create-home kato

# Before the sources, so that a change of those does not install everything again.
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt

COPY . .
# The static files and the compiled kernels are part of the image. Only data/ and kernels/ are written to.
RUN export KATO_SECRET_KEY=not-the-one-it-runs-with NUMBA_CACHE_DIR=/app/compiled \
    && python manage.py collectstatic --noinput && python manage.py compile_kernels \
    && mkdir -p data/monitoring kernels && chown -R kato data kernels && chmod -R a+rX compiled
USER kato
# Numba reads kernels only from where it may write, and docker-compose.yml puts an empty file system there.
ENV NUMBA_CACHE_DIR=/app/kernels
ENTRYPOINT ["sh", "-c", "cp -R compiled/. kernels && exec \"$@\"", "sh"]

# Without an access key nothing but /health answers; `manage.py key create` makes the first.
ENV ENVIRONMENT=production KATO_ACCESS=keys HOST=0.0.0.0 PORT=8000 KATO_WORKERS=4
EXPOSE 8000
# http.client and not urllib, which would ask a proxy that Docker may have been told to put into the environment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", "\
from http.client import HTTPConnection; \
connection = HTTPConnection('127.0.0.1', 8000, timeout=4); \
connection.request('GET', '/health'); \
raise SystemExit(connection.getresponse().status != 200)"]
CMD ["python", "manage.py", "serve"]
