"""The catalogue of detections is what the metadata say."""

from deploy.generate.catalogue import FILE, render


def test_the_catalogue_is_fresh() -> None:
    assert FILE.read_text() == render(), "run `make generate`"
