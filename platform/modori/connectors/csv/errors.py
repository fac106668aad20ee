"""What this connector refuses, by name."""

from modori.kernel.errors import Conflict


class UploadNotReady(Conflict):
    code = "upload_not_ready"
    title = "The upload is not in a state in which this can be done"
