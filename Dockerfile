# A plain tag, so that the classic builder and every mirror can use it. Dependabot
# updates it only in a line FROM. To use another image, pass GO_IMAGE.
ARG GO_IMAGE=go
FROM golang:1.26-bookworm AS go
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG TARGETARCH
# No time zones: every time the program reads, compares or shows is UTC.
RUN CGO_ENABLED=0 GOARCH=$TARGETARCH go build -trimpath \
    -ldflags="-s -w -buildid= -X main.version=${VERSION}" -o /out/mlflow-promote . && \
    CGO_ENABLED=0 go run -trimpath ./tools/notices/print /out/mlflow-promote >/out/THIRD_PARTY_NOTICES.txt

# No USER and no WORKDIR: the files the runner mounts belong to its own user,
# and it names the working directory itself.
FROM scratch
LABEL org.opencontainers.image.title="mlflow-promote" \
      org.opencontainers.image.description="Registers, validates and promotes MLflow model versions" \
      org.opencontainers.image.source="https://github.com/mlflow-promote/mlflow-promote" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/LICENSE /out/THIRD_PARTY_NOTICES.txt /licenses/
COPY --from=build /out/mlflow-promote /mlflow-promote
ENTRYPOINT ["/mlflow-promote"]
