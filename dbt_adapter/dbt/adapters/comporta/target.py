"""What models, macros and project files read as `target`."""

from functools import wraps
from typing import Any

from dbt.adapters.comporta.connections import ComportaCredentials
from dbt.config.profile import Profile


def say_spark() -> None:
    """Have `target.type` be `spark` on a server of ours: packages ask for it to learn which SQL is understood.

    dbt writes the type into `target` itself, from what it also finds the adapter by, and asks no adapter.
    """
    as_dbt = Profile.to_target_dict

    @wraps(as_dbt)
    def told(profile: Profile) -> dict[str, Any]:
        target: dict[str, Any] = as_dbt(profile)
        return target | {"type": "spark"} if isinstance(profile.credentials, ComportaCredentials) else target

    Profile.to_target_dict = told  # type: ignore[assignment,method-assign]  # dbt offers no other way in
