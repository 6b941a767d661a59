import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { Client } from "@hubspot/api-client";

import { emulated, refusal } from "./emulated.js";

const { address, throttled, accessToken, deals, contact, merged, survivor } = emulated;
const options = { accessToken, basePath: address, limiterOptions: { minTime: 0, maxConcurrent: 6 } };
const portal = new Client(options);
const { crm } = portal;

const property = (propertyName, operator, value) => ({ propertyName, operator, value });
const group = (...filters) => ({ filters });

describe("reading", () => {
  test("page by page until all is there", async () => {
    const found = await crm.deals.getAll(10, undefined, ["dealname", "amount"]);
    assert.deepEqual(found.map((deal) => deal.id), deals);
    assert.equal(found[0].properties.amount, "1000.5");
    assert.ok(found[0].createdAt instanceof Date);
    assert.equal(found[0].archived, false);
  });

  test("a page, with the place and the address of the next", async () => {
    const page = await crm.deals.basicApi.getPage(5, undefined, ["dealname"]);
    assert.deepEqual(page.results.map((deal) => deal.id), deals.slice(0, 5));
    assert.ok(page.paging.next.link.startsWith(address));
    const rest = await crm.deals.basicApi.getPage(5, page.paging.next.after, ["dealname"]);
    assert.deepEqual(rest.results.map((deal) => deal.id), deals.slice(5, 10));
  });

  test("one record with its associations", async () => {
    const deal = await crm.deals.basicApi.getById(deals[0], ["dealname"], undefined, ["contacts"]);
    assert.deepEqual(deal.associations.contacts.results.map((each) => each.id), [contact, contact]);
    assert.ok(deal.associations.contacts.results.some((each) => each.type === "deal_to_contact"));
  });

  test("the id of a merged record leads to the survivor", async () => {
    assert.equal((await crm.contacts.basicApi.getById(merged)).id, survivor);
  });

  test("a search, filtered, sorted and paged", async () => {
    const asked = {
      filterGroups: [group(property("amount", "GTE", "1000"), property("dealname", "CONTAINS_TOKEN", "forklifts"))],
      sorts: ["-hs_object_id"],
      properties: ["dealname"],
      limit: 20,
    };
    const first = await crm.deals.searchApi.doSearch({ ...asked, after: "0" });
    assert.equal(first.total, deals.length);
    assert.equal(first.results.length, 20);
    const rest = await crm.deals.searchApi.doSearch({ ...asked, after: first.paging.next.after });
    assert.deepEqual([...first.results, ...rest.results].map((deal) => deal.id), deals.toReversed());
  });

  test("a batch by id, with the history of a property", async () => {
    const body = { inputs: [{ id: deals[0] }], properties: ["dealstage"], propertiesWithHistory: ["dealstage"] };
    const { status, results } = await crm.deals.batchApi.read(body);
    assert.equal(status, "COMPLETE");
    const { dealstage } = results[0].propertiesWithHistory;
    assert.deepEqual(dealstage.map((version) => version.value), ["qualifiedtobuy", "appointmentscheduled"]);
    assert.ok(dealstage[0].timestamp instanceof Date);
    assert.equal(dealstage[0].sourceType, "CRM_UI");
  });

  test("a batch with ids that are not there says which", async () => {
    const body = { inputs: [{ id: deals[0] }, { id: "1" }], properties: ["dealname"], propertiesWithHistory: [] };
    const answer = await crm.deals.batchApi.read(body);
    assert.deepEqual(answer.results.map((deal) => deal.id), [deals[0]]);
    assert.equal(answer.numErrors, 1);
    assert.equal(answer.errors[0].category, "OBJECT_NOT_FOUND");
    assert.deepEqual(answer.errors[0].context.ids, ["1"]);
  });

  test("associations in a batch, with their labels; none is an error that is none", async () => {
    const body = { inputs: [{ id: deals[0] }, { id: deals[1] }] };
    const { results, errors } = await crm.associations.v4.batchApi.getPage("deals", "contacts", body);
    assert.equal(results.length, 1);
    assert.equal(results[0]._from.id, deals[0]);
    const [to] = results[0].to;
    assert.equal(to.toObjectId, Number(contact)); // a number on the wire, though the client's types say text
    const labels = to.associationTypes.map((each) => each.label);
    assert.deepEqual(labels.toSorted(), ["Decision maker", null].toSorted());
    assert.equal(errors[0].subCategory, "crm.associations.NO_ASSOCIATIONS_FOUND");
  });

  test("associations of one record, and the labels there are", async () => {
    const { results } = await crm.associations.v4.basicApi.getPage("deals", deals[0], "contacts");
    assert.deepEqual(results.map((each) => each.toObjectId), [Number(contact)]);
    const labels = await crm.associations.v4.schema.definitionsApi.getAll("deals", "contacts");
    const own = labels.results.find((each) => each.label === "Decision maker");
    assert.equal(own.category, "USER_DEFINED");
  });

  test("pipelines with their stages", async () => {
    const { results } = await crm.pipelines.pipelinesApi.getAll("deals");
    const [sales] = results;
    assert.equal(sales.id, "default");
    const won = sales.stages.find((stage) => stage.id === "closedwon");
    assert.deepEqual(won.metadata, { isClosed: "true", probability: "1.0" });
  });

  test("properties, and one by name", async () => {
    const { results } = await crm.properties.coreApi.getAll("deals");
    const stage = await crm.properties.coreApi.getByName("deals", "dealstage");
    assert.equal(stage.type, "enumeration");
    assert.deepEqual(results.find((each) => each.name === "dealstage"), stage);
    assert.equal((await refusal(crm.properties.coreApi.getByName("deals", "nothing"))).code, 404);
  });

  test("owners", async () => {
    const { results } = await crm.owners.ownersApi.getPage();
    assert.deepEqual(results.map((owner) => owner.email), ["kim@seller.example"]);
    assert.equal((await crm.owners.ownersApi.getById(Number(results[0].id))).lastName, "Vale");
  });
});

describe("writing", () => {
  test("one record", async () => {
    const changed = await crm.deals.basicApi.update(deals[2], { properties: { hs_next_step: "Call" } });
    assert.equal(changed.properties.hs_next_step, "Call");
  });

  test("a batch: one that is not there fails alone", async () => {
    const inputs = [deals[3], "1"].map((id) => ({ id, properties: { hs_next_step: "Write" } }));
    const answer = await crm.deals.batchApi.update({ inputs });
    assert.deepEqual(answer.results.map((deal) => deal.id), [deals[3]]);
    assert.equal(answer.errors[0].category, "OBJECT_NOT_FOUND");
  });

  test("a batch: a bad value refuses all of it", async () => {
    const inputs = [{ id: deals[3], properties: { amount: "much" } }, { id: deals[4], properties: { amount: "1" } }];
    const error = await refusal(crm.deals.batchApi.update({ inputs }));
    assert.equal(error.code, 400);
    assert.equal(error.body.category, "VALIDATION_ERROR");
    assert.match(error.body.message, /^Property values were not valid: \[\{.*"INVALID_.*"/);
    assert.equal((await crm.deals.basicApi.getById(deals[4], ["amount"])).properties.amount, "1000.5");
  });
});

describe("refusals", () => {
  test("a token that is not known", async () => {
    const stranger = new Client({ ...options, accessToken: "pat-unknown" });
    const error = await refusal(stranger.crm.deals.basicApi.getPage());
    assert.equal(error.code, 401);
    assert.equal(error.body.category, "INVALID_AUTHENTICATION");
    assert.ok(error.body.correlationId);
  });

  test("a record that is not there", async () => {
    assert.equal((await refusal(crm.deals.basicApi.getById("1"))).code, 404);
  });

  test("a page larger than allowed", async () => {
    const error = await refusal(crm.deals.basicApi.getPage(101));
    assert.equal(error.code, 400);
    assert.equal(error.body.status, "error");
  });

  test("an address that is none", async () => {
    const answer = await portal.apiRequest({ path: "/crm/v3/nothing" });
    assert.equal(answer.status, 404);
  });
});

describe("limits", () => {
  /** A client with its retries; the calls must be reached at once, for the next client made takes its settings over. */
  const deals = (retries) => {
    const client = new Client({ ...options, basePath: throttled, numberOfApiCallRetries: retries });
    return client.crm.deals;
  };

  /** What the client waited for while the work was done, in milliseconds; nobody really waits. */
  async function waits(t, work) {
    const asked = [];
    const real = globalThis.setTimeout;
    t.mock.method(console, "error", () => {});
    t.mock.method(globalThis, "setTimeout", (done, time, ...more) => {
      const retry = new Error().stack.includes("RetryDecorator");
      if (retry) asked.push(time);
      return real(done, retry ? 0 : time, ...more);
    });
    await work();
    return asked;
  }

  test("of searches: the client knows the refusal, waits a second and comes through", async (t) => {
    const { searchApi } = deals(4);
    const asked = await waits(t, async () => {
      for (let call = 0; call < 4; call += 1) assert.equal((await searchApi.doSearch({ limit: 1 })).total, 0);
    });
    assert.equal(asked[0], 1000);
  });

  test("of ten seconds: the client knows the refusal, waits ten and comes through", async (t) => {
    const { basicApi } = deals(6);
    const asked = await waits(t, async () => {
      for (let call = 0; call < 50; call += 1) await basicApi.getPage(1);
    });
    assert.equal(asked[0], 10_000);
  });

  test("without patience the refusal is told whole", async () => {
    const { basicApi } = deals(1);
    const refused = [];
    for (let call = 0; call < 50; call += 1) await basicApi.getPage(1).catch((error) => refused.push(error));
    const [{ code, body, headers }] = refused;
    assert.equal(code, 429);
    assert.equal(body.errorType, "RATE_LIMIT");
    assert.equal(body.policyName, "TEN_SECONDLY_ROLLING");
    assert.equal(body.category, undefined);
    assert.equal(headers["x-hubspot-ratelimit-remaining"], "0");
    assert.equal(headers["retry-after"], undefined);
  });
});
