# Comporta: the Spark server, and every command of `python -m comporta`. See docs/container.md.
# A digest names one image for ever; the tag beside it is for people.
ARG BASE=debian:12.12-slim@sha256:d5d3f9c23164ea16f31852f95bd5959aad1c5e854332fe00f7b3a20fcc9f635c

FROM ${BASE} AS system
COPY docker/install.sh /opt/comporta/docker/install.sh
RUN /opt/comporta/docker/install.sh system

FROM system AS lake
RUN /opt/comporta/docker/install.sh tools
WORKDIR /opt/comporta
# Only what the environment is made of: an edited model does not fetch a gigabyte again.
COPY Makefile pyproject.toml requirements.lock requirements-uv.lock ./
COPY lakehouse lakehouse
ENV PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
RUN --mount=type=secret,id=ca docker/install.sh lake

FROM system
# The server, and each job, is a user of its own: none can read another's environment or memory, or end it. VAR_DIR is their group's
# (lakehouse/access.py); sticky, so that none can put a folder of its own in another's place. Their home is what no other can write.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp comporta \
    && uid=10001 && for job in ingest gate build release site publish master worker job; do uid=$((uid + 1)) \
    && useradd --uid "$uid" --gid comporta --no-create-home --home-dir /tmp "comporta-$job"; done \
    && install -d -o comporta -g comporta -m 3770 /var/lib/comporta
WORKDIR /opt/comporta
COPY --from=lake /opt/comporta/.venv .venv
COPY --from=lake /opt/comporta/var/jars var/jars
COPY . .
ENV PATH=/opt/comporta/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    VAR_DIR=/var/lib/comporta \
    TINI_SUBREAPER=1 \
    GX_ANALYTICS_ENABLED=false \
    DBT_SEND_ANONYMOUS_USAGE_STATS=false
VOLUME /var/lib/comporta
USER 10001:10001
# A server that has to restore its catalog takes minutes on a small machine.
HEALTHCHECK --interval=60s --timeout=30s --start-period=240s --retries=3 CMD ["python", "-W", "ignore", "-m", "docker.healthy"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini", "-g", "--"]
CMD ["docker/serve.sh"]
