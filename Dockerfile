# Not built where it was written; see docs/architecture.md.
FROM python:3.11-slim

RUN useradd --create-home trader
WORKDIR /home/trader/candlegraph

COPY requirements.lock ./
RUN pip install --no-cache-dir -r requirements.lock

# Named one by one, so that no .env, no user_data and no configuration gets into an image.
COPY pyproject.toml README.md LICENSE ./
COPY graph/ graph/
COPY agents/ agents/
COPY tools/ tools/
COPY memory/ memory/
COPY freqtrade_bridge/ freqtrade_bridge/
RUN pip install --no-cache-dir --no-deps . \
    && mkdir user_data \
    && chown trader:trader user_data

USER trader
VOLUME /home/trader/candlegraph/user_data
ENTRYPOINT ["freqtrade"]
CMD ["--help"]
