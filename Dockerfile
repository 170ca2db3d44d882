# The demo in a container:  docker build -t locgraph . && docker run --rm -v "$PWD/outputs:/locgraph/outputs" locgraph
# Anything else:            docker run --rm -it -v "$PWD/outputs:/locgraph/outputs" locgraph bash
FROM python:3.11-slim

RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*

WORKDIR /locgraph
COPY . .
RUN make env
ENV PATH="/locgraph/.venv/bin:$PATH"

CMD ["make", "demo"]
