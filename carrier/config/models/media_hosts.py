"""Where pictures and videos are put, so that a platform can fetch them."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from carrier.config.models.choices import needs, written
from carrier.config.models.values import Block

Port = Annotated[int, Field(ge=1, le=65535)]


class MediaHost(Block):
    """Where pictures and videos are put, so that a platform can fetch them."""

    type: str = Field(description="ftp, sftp, s3 or folder")
    description: str = Field(default="", description="What it is for")
    public_url: str = Field(description="Where what was put there is fetched, as in https://cdn.example.com/media")


class Ftp(MediaHost):
    type: Literal["ftp"]
    server: str
    port: Port = 21
    username: str
    password: SecretStr
    tls: Literal["explicit", "implicit", "none"] = Field(default="explicit", description="none: sent in the open")
    ca: str = Field(default="", description="A file with the certificate to trust, where the server made its own")
    folder: str = Field(default="", description="Of the server; else where one stands after the login")


class Sftp(MediaHost):
    model_config = ConfigDict(json_schema_extra={"anyOf": [written("password"), written("private_key")]})

    type: Literal["sftp"]
    server: str
    port: Port = 22
    username: str
    password: SecretStr | None = None
    private_key: SecretStr | None = Field(default=None, description="The key itself, as in ${file:/run/secrets/key}")
    host_key: str = Field(default="", description="The server's public key; else known_hosts has to know it")
    folder: str = Field(default="", description="Of the server; else where one stands after the login")

    @model_validator(mode="after")
    def _some_login(self) -> "Sftp":
        if self.password is None and self.private_key is None:
            raise ValueError("sftp asks for a `password` or a `private_key`")
        return self


class S3(MediaHost):
    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [needs("access_key_id", "secret_access_key"), needs("secret_access_key", "access_key_id")]
        }
    )

    type: Literal["s3"]
    bucket: str
    region: str = ""
    endpoint: str = Field(default="", description="Of another S3 than Amazon's, as in https://minio.example.com")
    access_key_id: str = Field(default="", description="With its secret; else what the machine's own settings say")
    secret_access_key: SecretStr | None = None
    prefix: str = Field(default="", description="What every key starts with")

    @model_validator(mode="after")
    def _both_keys(self) -> "S3":
        if bool(self.access_key_id) != bool(self.secret_access_key):
            raise ValueError("`access_key_id` and `secret_access_key` belong together")
        return self


class Folder(MediaHost):
    type: Literal["folder"]
    folder: str = Field(description="Of this machine, which a web server of yours shows")
