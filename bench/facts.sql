-- What `crm_audit.facts` settles, by hand: survivors of merges, calendar days, one row per act. Ids become numbers,
-- because numbers join faster.

CREATE TABLE person AS
WITH RECURSIVE numbered AS (
    SELECT row_number() OVER () AS n, id, merged_into, lower(domain) AS domain, left_on, deleted FROM people
), step AS (
    SELECT a.n, b.n AS into_n FROM numbered a JOIN numbered b ON b.id = a.merged_into
), chain AS (
    SELECT n, into_n FROM step
    UNION
    SELECT chain.n, step.into_n FROM chain JOIN step ON step.n = chain.into_n
), last AS (
    SELECT n, into_n FROM chain WHERE into_n NOT IN (SELECT n FROM step)
)
SELECT p.id, s.n,
    NOT s.deleted AND (s.left_on IS NULL OR s.left_on > today()) AND coalesce(s.domain <> 'seller.example', true) AS counts
FROM numbered p LEFT JOIN last USING (n) JOIN numbered s ON s.n = coalesce(last.into_n, p.n);

CREATE TABLE company AS
WITH RECURSIVE step AS (
    SELECT a.id, b.id AS into_id FROM companies a JOIN companies b ON b.id = a.merged_into
), chain AS (
    SELECT id, into_id FROM step
    UNION
    SELECT chain.id, step.into_id FROM chain JOIN step ON step.id = chain.into_id
), last AS (
    SELECT id, into_id FROM chain WHERE into_id NOT IN (SELECT id FROM step)
)
SELECT c.id, s.fit_tier, s.fit_score::DECIMAL(9, 2) AS fit_score, s.fit_assessed
FROM companies c LEFT JOIN last USING (id) JOIN companies s ON s.id = coalesce(last.into_id, c.id)
WHERE NOT s.deleted;

CREATE TABLE rate AS
SELECT 'USD' AS currency, 1::DECIMAL(12, 6) AS rate
UNION ALL
SELECT currency, max_by(units::DECIMAL(12, 6) / per::DECIMAL(12, 6), coalesce(valid_from, DATE '1900-01-01'))::DECIMAL(12, 6)
FROM rates WHERE valid_from IS NULL OR valid_from <= today() GROUP BY currency;

CREATE TABLE deal AS
SELECT row_number() OVER () AS n, d.id, d.owner, d.stage, d.created, day_of(d.created) AS created_day, s.rung,
    d.amount::DECIMAL(18, 2) AS amount, a.rate AS amount_rate, d.budget::DECIMAL(18, 2) AS budget, b.rate AS budget_rate,
    CASE WHEN length(close_date) = 10 THEN close_date::DATE
         WHEN close_date::TIMESTAMPTZ AT TIME ZONE 'UTC' = date_trunc('day', close_date::TIMESTAMPTZ AT TIME ZONE 'UTC')
         THEN (close_date::TIMESTAMPTZ AT TIME ZONE 'UTC')::DATE
         ELSE day_of(close_date::TIMESTAMPTZ) END AS close_day,
    coalesce(trim(need) <> '', false) AS need, coalesce(solution_fit = 'confirmed', false) AS confirmed,
    c.id IS NOT NULL AS company, c.fit_tier, c.fit_score, c.fit_assessed
FROM deals d
JOIN ladder s USING (pipeline, stage)
LEFT JOIN company c ON c.id = d.company
LEFT JOIN rate a ON a.currency = coalesce(d.currency, 'USD')
LEFT JOIN rate b ON b.currency = coalesce(d.budget_currency, 'USD')
WHERE s.rung IS NOT NULL;

CREATE TABLE link AS
SELECT d.n AS deal, p.n AS person, p.counts, l.role,
    (l.valid_from IS NULL OR l.valid_from <= today()) AND (l.valid_to IS NULL OR l.valid_to > today()) AS now
FROM links l JOIN deal d ON d.id = l.deal JOIN person p ON p.id = l.person;

CREATE TABLE event AS
SELECT row_number() OVER () AS n, kind, "at", coalesce(day, day_of("at")) AS day, deals, people, topics, "by",
    coalesce("at" <= as_of(), day <= today()) AND coalesce(
        CASE WHEN kind = 'meeting_held' THEN coalesce(ends_at, "at") ELSE "at" END <= as_of(), true) AS happened,
    coalesce(day_of(recorded_at), day, day_of("at")) AS recorded, quoted_amount::DECIMAL(18, 2) AS quoted,
    coalesce(quoted_currency, 'USD') AS quoted_in
FROM events
WHERE NOT automatic
  AND (kind <> 'meeting_held' OR coalesce(upper(outcome) NOT IN ('NO_SHOW', 'CANCELED', 'RESCHEDULED'), true));

CREATE TABLE on_deal AS
WITH listed AS (SELECT n, unnest(string_split(deals[3:-3], '","')) AS id FROM event WHERE deals <> '[]')
SELECT DISTINCT listed.n AS event, deal.n AS deal FROM listed JOIN deal USING (id);

CREATE TABLE present AS
WITH listed AS (SELECT n, unnest(string_split(people[3:-3], '","')) AS id FROM event WHERE people <> '[]')
SELECT DISTINCT listed.n AS event, person.n AS person FROM listed JOIN person USING (id);

CREATE TABLE change AS
SELECT d.n AS deal, h.field, h."at", day_of(h."at") AS day, h.old, h.new
FROM history h JOIN deal d ON d.id = h.deal
WHERE h.old IS DISTINCT FROM h.new AND h."at" <= as_of();

CREATE TABLE recheck AS
SELECT d.n AS deal, today() - r."on" AS age, r.topics FROM rechecks r JOIN deal d ON d.id = r.deal WHERE r."on" <= today();

CREATE TABLE source AS
WITH said AS (
    SELECT n, "by", recorded,
        CASE WHEN kind = 'meeting_held' THEN 'meetings' WHEN kind = 'call_connected' THEN 'calls'
             WHEN kind IN ('email_in', 'email_out') THEN 'mail' ELSE 'others' END AS source,
        kind IN ('meeting_held', 'call_connected', 'email_in', 'email_out') OR kind ~ '^(quote|doc|esign)_' AS buyers
    FROM event WHERE recorded <= today()
), whose AS (
    SELECT d.owner, s.* FROM said s JOIN on_deal o ON o.event = s.n JOIN deal d ON d.n = o.deal
    UNION ALL
    SELECT "by", s.* FROM said s
)
SELECT owner, coalesce(today() - max(recorded) FILTER (buyers) <= 30, false) AS acts,
    coalesce(today() - max(recorded) FILTER (source = 'meetings') <= 30, false) AS meetings
FROM whose WHERE owner IS NOT NULL GROUP BY owner;
