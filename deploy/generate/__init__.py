"""What makes files of the repository or of a release: the catalogue, locks, licences, the SBOM, new detections."""
