# Two images from one wheel: `serve` (API and Streamlit, without TensorFlow) and `fit`. Both run without root and
# write only to /artifacts and /tmp. Every package is installed with its hash; `tox run -e requirements` updates them.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY core core
COPY interfaces interfaces
RUN pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim AS base
ENV HOME=/tmp \
    PIP_NO_CACHE_DIR=1 \
    PYTHONUNBUFFERED=1 \
    SMART_RETAIL_ARTIFACTS=/artifacts
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin shop \
    && install --directory --owner shop --group shop --mode 0750 /artifacts
COPY requirements /requirements
COPY --from=wheel /wheels /wheels
VOLUME /artifacts
ENTRYPOINT ["smart-retail"]

FROM base AS fit
# OpenMP, which is not part of LightGBM's wheel.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN pip install --require-hashes --requirement /requirements/fit.txt \
    && pip install --no-index --no-deps /wheels/*.whl
USER shop
CMD ["doctor"]

FROM base AS serve
RUN pip install --require-hashes --requirement /requirements/serve.txt \
    && pip install --no-index --no-deps /wheels/*.whl
USER shop
EXPOSE 8000 8501
# Without keys the API listens on its own machine only, so the command includes a key file.
CMD ["serve", "api", "--host", "0.0.0.0", "--port", "8000", "--keys", "/run/secrets/keys"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
