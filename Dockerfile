# Never built where it was written: no container engine there. hadolint finds nothing in it; see docs/operations.md.
FROM python:3.11-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/candlegraph
COPY requirements.lock /src/
RUN /opt/candlegraph/bin/pip install -r /src/requirements.lock

# Named one by one, so that no .env, no user_data and no configuration gets into an image.
COPY pyproject.toml README.md LICENSE /src/
COPY graph/ /src/graph/
COPY agents/ /src/agents/
COPY tools/ /src/tools/
COPY memory/ /src/memory/
COPY freqtrade_bridge/ /src/freqtrade_bridge/
RUN /opt/candlegraph/bin/pip install --no-deps /src

FROM python:3.11-slim-bookworm

# The wheels of faiss and scikit-learn need OpenMP's library.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1=12.* \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 trader \
    && install -d -o trader -g trader /bot/user_data

COPY --from=build /opt/candlegraph /opt/candlegraph
ENV PATH=/opt/candlegraph/bin:$PATH PYTHONUNBUFFERED=1 LANGSMITH_TRACING=false

USER 1000
# Freqtrade keeps its trades where it is started: in the volume, a file for the dry-run and another one for live.
WORKDIR /bot/user_data
VOLUME /bot/user_data
EXPOSE 8086
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=30s --start-period=300s --retries=3 \
    CMD ["candlegraph", "health", "--userdir", "/bot/user_data"]
ENTRYPOINT ["candlegraph"]
CMD ["trade", "-c", "/bot/config.json", "--userdir", "/bot/user_data"]
