import assert from "node:assert/strict";
import { before, describe, test } from "node:test";

import jsforce from "jsforce";

import { emulated, refusal } from "./emulated.js";

const { address, clientId, clientSecret, deals, deleted } = emulated;
const VERDICT = "CRM_Audit_Verdict__c";
const VERSION = "66.0";
const oauth2 = { loginUrl: address, clientId, clientSecret };

async function connected(more = {}) {
  const org = new jsforce.Connection({ oauth2, version: VERSION, ...more });
  await org.authorize({ grant_type: "client_credentials" });
  return org;
}

describe("logging in", () => {
  test("by client credentials, to an address that is the emulator's own", async () => {
    const org = await connected();
    assert.equal(org.instanceUrl, address);
    assert.match(org.userInfo.id, /^005\w{15}$/);
    assert.match(org.userInfo.organizationId, /^00D\w{15}$/);
  });

  test("with a wrong secret, refused in OAuth's own words", async () => {
    const org = new jsforce.Connection({ oauth2: { ...oauth2, clientSecret: "wrong" }, version: VERSION });
    const error = await refusal(org.authorize({ grant_type: "client_credentials" }));
    assert.equal(error.name, "invalid_client");
    assert.equal(error.message, "invalid client credentials");
  });

  test("anew where the session has ended, and the call is made again", async () => {
    let refreshed = 0;
    const refreshFn = async (_, done) => {
      refreshed += 1;
      done(null, (await connected()).accessToken);
    };
    const org = new jsforce.Connection({ instanceUrl: address, accessToken: "00D!ended", version: VERSION, refreshFn });
    const found = await org.query("SELECT COUNT() FROM Opportunity");
    assert.equal(found.totalSize, deals.length);
    assert.equal(refreshed, 1);
  });

  test("with nothing to log in anew, an ended session is an error with its code", async () => {
    const org = new jsforce.Connection({ instanceUrl: address, accessToken: "00D!ended", version: VERSION });
    const error = await refusal(org.query("SELECT Id FROM Opportunity"));
    assert.equal(error.errorCode, "INVALID_SESSION_ID");
  });
});

describe("reading", () => {
  let org;
  before(async () => {
    org = await connected();
  });

  test("page by page until all is there", async () => {
    let calls = 0;
    const options = { autoFetch: true, headers: { "Sforce-Query-Options": "batchSize=200" } };
    org.on("response", () => (calls += 1));
    const found = await org.query("SELECT Id, Name, Amount, Account.Name FROM Opportunity ORDER BY Id", options);
    assert.deepEqual(found.records.map((deal) => deal.Id), deals);
    assert.equal(found.totalSize, deals.length);
    assert.equal(found.done, true);
    const [first] = found.records;
    assert.equal(first.attributes.type, "Opportunity");
    assert.equal(first.attributes.url, `/services/data/v${VERSION}/sobjects/Opportunity/${first.Id}`);
    assert.equal(first.Account.attributes.type, "Account");
    assert.equal(first.Account.Name, "Acme");
    assert.equal(first.Amount, 1000.5);
  });

  test("one page, with the address of the next", async () => {
    const headers = { "Sforce-Query-Options": "batchSize=200" };
    const first = await org.query("SELECT Id FROM Opportunity ORDER BY Id", { headers });
    assert.equal(first.done, false);
    assert.equal(first.records.length, 200);
    const second = await org.queryMore(first.nextRecordsUrl, { headers });
    assert.deepEqual(second.records.map((deal) => deal.Id), deals.slice(200, 400));
  });

  test("with what is deleted, where that is asked for", async () => {
    const soql = `SELECT Id, IsDeleted FROM Opportunity WHERE Id = '${deleted}'`;
    assert.equal((await org.query(soql)).totalSize, 0);
    const [found] = (await org.query(soql, { scanAll: true })).records;
    assert.equal(found.IsDeleted, true);
  });

  test("what its own query builder writes", async () => {
    const found = await org
      .sobject("Opportunity")
      .find({ Name: { $like: "Forklifts 1%" }, Amount: { $gte: 1000 }, CloseDate: jsforce.Date.toDateLiteral("2026-06-30") })
      .select("Id, Name")
      .sort({ Name: 1 })
      .limit(3)
      .execute();
    assert.deepEqual(found.map((deal) => deal.Name), ["Forklifts 1", "Forklifts 10", "Forklifts 100"]);
  });

  test("in bulk: a job, its rows as text, and none of its own left", async () => {
    const soql = "SELECT Id, Name, Amount, IsDeleted FROM Opportunity";
    org.bulk2.pollInterval = 1;
    const live = await (await org.bulk2.query(soql)).toArray();
    assert.deepEqual(live.map((deal) => deal.Id).toSorted(), deals.toSorted());
    assert.deepEqual([live[0].Amount, live[0].IsDeleted], ["1000.5", "false"]);
    const all = await (await org.bulk2.query(soql, { scanAll: true })).toArray();
    assert.equal(all.find((deal) => deal.Id === deleted).IsDeleted, "true");
  });

  test("in bulk, what no job may ask for is refused", async () => {
    const error = await refusal(org.bulk2.query("SELECT Nothing__c FROM Opportunity"));
    assert.equal(error.errorCode, "INVALID_FIELD");
    await assert.rejects(org.bulk2.query("SELECT Id, (SELECT Id FROM Tasks) FROM Opportunity"), /Query job failed/);
  });

  test("what was changed and what was deleted", async () => {
    const [begin, end] = emulated.day;
    const updated = await org.sobject("Opportunity").updated(begin, end);
    assert.deepEqual(updated.ids.toSorted(), deals.toSorted());
    const { deletedRecords } = await org.sobject("Opportunity").deleted(begin, end);
    assert.deepEqual(deletedRecords.map((each) => each.id), [deleted]);
  });

  test("children inside their parent", async () => {
    const soql = "SELECT Id, (SELECT Id, Role FROM OpportunityContactRoles) FROM Opportunity ORDER BY Id LIMIT 1";
    const [deal] = (await org.query(soql)).records;
    assert.deepEqual(deal.OpportunityContactRoles.records.map((each) => each.Role), ["Economic Buyer"]);
    assert.equal(deal.OpportunityContactRoles.done, true);
  });

  test("one record, and several in the order asked", async () => {
    const one = await org.sobject("Opportunity").retrieve(deals[7]);
    assert.equal(one.Id, deals[7]);
    assert.equal(one.StageName, "Prospecting");
    const fields = { fields: ["Id", "Name"] };
    const several = await org.sobject("Opportunity").retrieve([deals[9], deals[3]], fields);
    assert.deepEqual(several.map((deal) => deal.Id), [deals[9], deals[3]]);
  });

  test("the objects there are", async () => {
    const { sobjects, maxBatchSize } = await org.describeGlobal();
    const deal = sobjects.find((each) => each.name === "Opportunity");
    assert.equal(maxBatchSize, 200);
    assert.equal(deal.keyPrefix, "006");
    assert.equal(deal.custom, false);
    assert.equal(sobjects.find((each) => each.name === VERDICT).custom, true);
  });

  test("the fields of an object", async () => {
    const { fields, childRelationships } = await org.sobject("Opportunity").describe();
    const byName = Object.fromEntries(fields.map((field) => [field.name, field]));
    assert.equal(byName.StageName.type, "picklist");
    assert.ok(byName.StageName.picklistValues.some((each) => each.value === "Closed Won"));
    assert.deepEqual(byName.AccountId.referenceTo, ["Account"]);
    assert.equal(byName.AccountId.relationshipName, "Account");
    assert.ok(childRelationships.some((each) => each.relationshipName === "OpportunityContactRoles"));
  });

  test("what is left of the day's calls, from the answer and from the header", async () => {
    const limits = await org.limits();
    const { used, limit } = org.limitInfo.apiUsage;
    assert.equal(limits.DailyApiRequests.Max, limit);
    assert.equal(limits.DailyApiRequests.Remaining, limit - used);
  });

  test("who is asking, and which versions there are", async () => {
    const versions = await org.request("/services/data");
    assert.ok(versions.some((each) => each.version === VERSION && each.url === `/services/data/v${VERSION}`));
  });

  for (const [soql, code] of [
    ["SELECT Id FROM", "MALFORMED_QUERY"],
    ["SELECT Nothing__c FROM Opportunity", "INVALID_FIELD"],
    ["SELECT Id FROM Nothing__c", "INVALID_TYPE"],
  ]) {
    test(`${soql}: refused as ${code}`, async () => {
      const error = await refusal(org.query(soql));
      assert.equal(error.errorCode, code);
      assert.equal(error.name, code);
    });
  }
});

describe("writing", () => {
  let org;
  let verdicts;
  before(async () => {
    org = await connected();
    verdicts = org.sobject(VERDICT);
  });

  test("a verdict is created, read, changed and deleted", async () => {
    const made = await verdicts.create({ Name: "One", Deal_Id__c: deals[0], Opportunity__c: deals[0], Stage_Gap__c: 2 });
    assert.equal(made.success, true);
    assert.deepEqual(made.errors, []);
    const changed = await verdicts.update({ Id: made.id, Status__c: "behind", Stage_Gap__c: null });
    assert.deepEqual(changed, { id: made.id, success: true, errors: [] });
    const read = await verdicts.retrieve(made.id);
    assert.equal(read.Status__c, "behind");
    assert.equal(read.Stage_Gap__c, null);
    assert.equal((await verdicts.destroy(made.id)).success, true);
    assert.equal((await refusal(verdicts.update({ Id: made.id, Status__c: "on" }))).errorCode, "ENTITY_IS_DELETED");
  });

  test("by its key it is created once and then changed", async () => {
    const body = { Deal_Id__c: deals[1], Name: "By key" };
    const first = await verdicts.upsert({ ...body, Status__c: "on" }, "Deal_Id__c");
    const again = await verdicts.upsert({ ...body, Status__c: "behind" }, "Deal_Id__c");
    assert.equal(first.created, true);
    assert.equal(again.created, false);
    assert.equal(again.id, first.id);
    await verdicts.destroy(first.id);
  });

  test("several at once: one that fails fails alone", async () => {
    const rows = [2, 3, 2].map((at) => ({ Name: "Batch", Deal_Id__c: deals[at] }));
    const results = await verdicts.create(rows);
    assert.deepEqual(results.map((each) => each.success), [true, true, false]);
    assert.equal(results[2].errors[0].statusCode, "DUPLICATE_VALUE");
    const ids = results.slice(0, 2).map((each) => each.id);
    const changes = [{ Id: ids[0], Status__c: "on" }, { Id: ids[1], Nothing__c: "x" }];
    const changed = await verdicts.update(changes);
    assert.deepEqual(changed.map((each) => each.success), [true, false]);
    assert.equal(changed[1].errors[0].statusCode, "INVALID_FIELD");
    const gone = await verdicts.destroy([...ids, ids[0]].slice(0, 2));
    assert.deepEqual(gone.map((each) => each.success), [true, true]);
  });

  test("all or none: one that fails takes the rest with it", async () => {
    const rows = [4, 4].map((at) => ({ Name: "All", Deal_Id__c: deals[at] }));
    const results = await verdicts.create(rows, { allOrNone: true });
    assert.deepEqual(results.map((each) => each.success), [false, false]);
    const codes = results.map((each) => each.errors[0].statusCode);
    assert.deepEqual(codes, ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "DUPLICATE_VALUE"]);
    assert.equal((await org.query(`SELECT Id FROM ${VERDICT} WHERE Deal_Id__c = '${deals[4]}'`)).totalSize, 0);
  });

  test("several by their key", async () => {
    const rows = [5, 6].map((at) => ({ Name: "Keys", Deal_Id__c: deals[at] }));
    const first = await verdicts.upsert(rows, "Deal_Id__c");
    const again = await verdicts.upsert(rows, "Deal_Id__c");
    assert.deepEqual(first.map((each) => each.created), [true, true]);
    assert.deepEqual(again.map((each) => each.created), [false, false]);
    await verdicts.destroy(first.map((each) => each.id));
  });

  test("a composite: a later part uses what an earlier one made", async () => {
    const root = `/services/data/v${VERSION}`;
    const { compositeResponse } = await org.requestPost(`${root}/composite`, {
      compositeRequest: [
        { method: "POST", url: `${root}/sobjects/${VERDICT}`, referenceId: "made", body: { Name: "C", Deal_Id__c: deals[8] } },
        { method: "GET", url: `${root}/sobjects/${VERDICT}/@{made.id}?fields=Name`, referenceId: "read" },
        { method: "GET", url: `${root}/sobjects/${VERDICT}/a00000000000000AAA`, referenceId: "missing" },
        { method: "GET", url: `${root}/sobjects/${VERDICT}/@{missing.id}`, referenceId: "halted" },
      ],
    });
    assert.deepEqual(compositeResponse.map((each) => each.httpStatusCode), [201, 200, 404, 400]);
    assert.equal(compositeResponse[1].body.Name, "C");
    assert.equal(compositeResponse[2].body[0].errorCode, "NOT_FOUND");
    assert.equal(compositeResponse[3].body[0].errorCode, "PROCESSING_HALTED");
    await verdicts.destroy(compositeResponse[0].body.id);
  });

  test("what a rule of the org refuses says its message and field code", async () => {
    const error = await refusal(org.sobject("Opportunity").update({ Id: deals[0], NextStep: "forbidden" }));
    assert.equal(error.errorCode, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert.equal(error.message, "Not like this");
  });
});
