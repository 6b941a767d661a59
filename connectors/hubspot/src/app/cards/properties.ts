/** The deal properties that the card reads; `crm-audit provision hubspot` creates all but the first. */

export const STAGE = 'dealstage';
export const STATUS = 'crm_audit_status';
export const SUPPORTED = 'crm_audit_supported_stage';
export const GAP = 'crm_audit_stage_gap';
export const TOP = 'crm_audit_top_finding';
export const NEXT = 'crm_audit_next_step';
export const DETAILS = 'crm_audit_details';
export const ANSWER = 'crm_audit_answer';
export const UNTIL = 'crm_audit_answer_until';
export const REASON = 'crm_audit_answer_reason';

/** Written by crm-audit. */
export const VERDICT = [STATUS, SUPPORTED, GAP, TOP, NEXT, DETAILS];

/** Written by the rep, in HubSpot's own fields. */
export const REPLY = [ANSWER, UNTIL, REASON];

export type Held = Readonly<Record<string, string | null | undefined>>;
