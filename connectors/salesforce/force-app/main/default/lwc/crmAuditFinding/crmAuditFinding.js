import { LightningElement, api } from 'lwc';
import { createRecord } from 'lightning/uiRecordApi';
import { NavigationMixin } from 'lightning/navigation';
import { ShowToastEvent } from 'lightning/platformShowToastEvent';
import { ANSWERS, WHY, seen } from './words';

const ANSWER = 'CRM_Audit_Answer__c';
const PAGELESS = ['doc_viewed', 'doc_open'];
const RECORD = /^[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?$/;

const STATUSES = { open: 'Missing', waived: 'Waived', snoozed: 'Snoozed' };

/** Salesforce's own words for a refusal: what is wrong with a field says more than the summary above it. */
function reasonOf(error) {
    const body = (error && error.body) || {};
    const fields = Object.values((body.output && body.output.fieldErrors) || {}).flat();
    const whole = (body.output && body.output.errors) || [];
    const [first] = [...fields, ...whole];
    return (first && first.message) || body.message || 'Salesforce did not say why.';
}

/** One finding, with its reason and the answer to it. Tells `answered` with the rule and the answer. */
export default class CrmAuditFinding extends NavigationMixin(LightningElement) {
    @api entry;
    @api verdictId;

    whyShown = false;
    isAnswering = false;
    isSaving = false;
    answer = 'fixed';
    reason = '';
    until = null;

    get isUnsure() {
        return this.entry.status !== 'open';
    }

    get icon() {
        return this.isUnsure ? 'utility:help' : 'utility:close';
    }

    get iconText() {
        return STATUSES[this.entry.status] || 'Cannot be told';
    }

    get iconVariant() {
        return this.isUnsure ? '' : 'error';
    }

    get why() {
        return WHY[this.entry.reason] || this.entry.reason;
    }

    get whyLabel() {
        return this.whyShown ? 'Hide why' : 'Why?';
    }

    get whyExpanded() {
        return String(this.whyShown);
    }

    get recordLabel() {
        return this.entry.rests ? seen(this.entry.rests) : null;
    }

    /** Something that happened to a record bears its id with more behind a colon. */
    get recordId() {
        return this.entry.rests ? this.entry.rests.id.split(':')[0] : '';
    }

    get hasRecordPage() {
        return RECORD.test(this.recordId) && !PAGELESS.includes(this.entry.rests.kind);
    }

    get choices() {
        return ANSWERS.filter(({ value }) => value !== 'asked' || this.entry.asks.length > 0);
    }

    get given() {
        const found = ANSWERS.find(({ value }) => value === this.entry.answer);
        return found ? found.label : null;
    }

    get canAnswer() {
        return !this.isUnsure && !this.given && !this.isAnswering;
    }

    get needsUntil() {
        return this.answer === 'not_applicable';
    }

    get needsReason() {
        return this.answer === 'wrong' || this.answer === 'not_applicable';
    }

    showWhy() {
        this.whyShown = !this.whyShown;
    }

    openRecord() {
        this[NavigationMixin.Navigate]({
            type: 'standard__recordPage',
            attributes: { recordId: this.recordId, actionName: 'view' }
        });
    }

    begin() {
        this.isAnswering = true;
    }

    cancel() {
        this.isAnswering = false;
    }

    handleAnswer(event) {
        this.answer = event.detail.value;
    }

    handleReason(event) {
        this.reason = event.detail.value;
    }

    handleUntil(event) {
        this.until = event.detail.value;
    }

    async save() {
        const inputs = [...this.template.querySelectorAll('lightning-input')];
        if (!inputs.map((input) => input.reportValidity()).every(Boolean)) {
            return;
        }
        this.isSaving = true;
        try {
            await createRecord({ apiName: ANSWER, fields: this.answered() });
            this.isAnswering = false;
            this.dispatchEvent(
                new CustomEvent('answered', { detail: { rule: this.entry.rule, answer: this.answer } })
            );
            this.toast('Your answer is kept', 'It stays with this deal, for whoever looks at it next.', 'success');
        } catch (error) {
            this.toast('Your answer was not kept', reasonOf(error), 'error');
        } finally {
            this.isSaving = false;
        }
    }

    answered() {
        return {
            Verdict__c: this.verdictId,
            Rule__c: this.entry.rule,
            Answer__c: this.answer,
            ...(this.reason ? { Reason__c: this.reason } : {}),
            ...(this.needsUntil ? { Until__c: this.until } : {})
        };
    }

    toast(title, message, variant) {
        this.dispatchEvent(new ShowToastEvent({ title, message, variant }));
    }
}
