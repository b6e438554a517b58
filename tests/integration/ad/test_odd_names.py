"""Names that look like what they are not, from the directory to the finding."""

from __future__ import annotations

from pathlib import Path

from producers.ad.source import ActiveDirectorySource
from streams.contracts.facts import Operation
from tests.integration.ad.conftest import forest_of, lab_dc
from tests.support.pipeline import AD, Pipeline

# In the DN the backslash is escaped by another one; the name holds one, a zero, and letters: no line feed.
ESCAPED = r"x\\0ADEL:A"


def test_a_backslash_of_its_own_makes_no_tombstone(tmp_path: Path) -> None:
    """Taken for deleted, such an object would hide from every finding: here two users of one address."""
    with lab_dc(tmp_path) as dc:
        for name, account in ((ESCAPED, "odd"), ("Ada", "ada")):
            upn = f"{account}@contoso.com"
            dc.add_user(name, sAMAccountName=account, userPrincipalName=upn, mail="one@contoso.com")
        source = ActiveDirectorySource(forest_of(dc, tenant=AD.tenant, name=AD.forest))
        try:
            batches = [source.read()]
            while batches[-1].more:
                batches.append(source.read())
        finally:
            source.close()
    facts = [fact for batch in batches for fact in batch.facts]
    odd = [fact for fact in facts if fact.attributes.get("sAMAccountName") == "odd"]
    assert [fact.op for fact in odd] == [Operation.READ]
    assert odd[0].attributes["distinguishedName"].startswith(f"CN={ESCAPED},")
    pipeline = Pipeline()
    pipeline.feed(AD, facts)
    [found] = [each for each in pipeline.open().values() if each.detection == "conflict.duplicate_address"]
    assert {party.user_principal_name for party in found.counterparts} == {"odd@contoso.com", "ada@contoso.com"}
