"""Print the exact versions of this environment: the content of ``requirements.lock`` (``make lock``)."""

from importlib import metadata

EXCLUDED = {"locgraph", "pip"}
INSTALLED_BY_TORCH = ("nvidia-", "cuda-", "triton")  # by its builds for a GPU alone, which bring the right versions


def main() -> None:
    """Print one pinned requirement a line, local version labels left out (``2.13.0+cpu`` is ``2.13.0`` elsewhere)."""
    print("# Exact versions that the tests pass with; written by `make lock`. pyproject.toml states the ranges.")
    versions = {dist.metadata["Name"]: dist.version.partition("+")[0] for dist in metadata.distributions()}
    for name in sorted(versions, key=str.lower):
        if name.lower() not in EXCLUDED and not name.lower().startswith(INSTALLED_BY_TORCH):
            print(f"{name}=={versions[name]}")


if __name__ == "__main__":
    main()
