import { LightningElement, api, wire } from 'lwc';
import { getFieldDisplayValue, getFieldValue, getRecord } from 'lightning/uiRecordApi';
import { getRelatedListRecords } from 'lightning/uiRelatedListApi';
import { parse, stageOf } from './details';
import { pill } from './pill';

const VERDICT = 'CRM_Audit_Verdict__c';
const ANSWER = 'CRM_Audit_Answer__c';
const STAGE = 'Opportunity.StageName';
const PASSING = ['fixed', 'asked'];
const field = (name) => `${VERDICT}.${name}`;
const answered = (name) => `${ANSWER}.${name}`;

/** What the record page shows of a verdict. It reads records and writes answers; there is no Apex behind it. */
export default class CrmAuditVerdict extends LightningElement {
    @api recordId;

    listFields = [field('Id')];
    stageFields = [STAGE];
    verdictFields = ['Status__c', 'Supported_Stage__c', 'Stage_Gap__c', 'Details__c', 'Connection__r.Last_Run__c'].map(
        field
    );
    answerFields = ['Rule__c', 'Answer__c', 'CreatedDate'].map(answered);
    newestFirst = [`-${answered('CreatedDate')}`];

    verdictId;
    loaded = false;
    othersShown = false;
    answers = {};
    verdict;
    deal;

    // A copied deal brings its lookup along, so the verdict is looked for by what it says it is about.
    @wire(getRelatedListRecords, {
        parentRecordId: '$recordId',
        relatedListId: 'CRM_Audit_Verdicts__r',
        fields: '$listFields',
        pageSize: 1
    })
    wiredVerdicts({ data, error }) {
        if (data) {
            this.verdictId = data.records.length ? data.records[0].id : undefined;
        }
        this.loaded = this.loaded || Boolean(data || error);
    }

    @wire(getRecord, { recordId: '$verdictId', optionalFields: '$verdictFields' })
    wiredVerdict({ data }) {
        this.verdict = data;
    }

    @wire(getRecord, { recordId: '$recordId', optionalFields: '$stageFields' })
    wiredDeal({ data }) {
        this.deal = data;
    }

    @wire(getRelatedListRecords, {
        parentRecordId: '$verdictId',
        relatedListId: 'CRM_Audit_Answers__r',
        fields: '$answerFields',
        sortBy: '$newestFirst'
    })
    wiredAnswers({ data }) {
        const newest = {};
        for (const { fields } of data ? data.records : []) {
            const given = { answer: fields.Answer__c.value, at: fields.CreatedDate.value };
            newest[fields.Rule__c.value] = newest[fields.Rule__c.value] || given;
        }
        this.answers = { ...newest, ...this.answers };
    }

    value(name) {
        return this.verdict ? getFieldValue(this.verdict, field(name)) : null;
    }

    get details() {
        return parse(this.value('Details__c'));
    }

    get claimed() {
        const shown = this.deal && (getFieldDisplayValue(this.deal, STAGE) || getFieldValue(this.deal, STAGE));
        return shown || stageOf(this.details.claimed);
    }

    get supported() {
        return stageOf(this.value('Supported_Stage__c'));
    }

    get isChecked() {
        return Boolean(this.verdict);
    }

    get isUnchecked() {
        return this.loaded && !this.verdictId;
    }

    get hasMoved() {
        const then = stageOf(this.details.claimed);
        return Boolean(this.deal && then) && ![this.claimed, getFieldValue(this.deal, STAGE)].includes(then);
    }

    get pillLabel() {
        return pill(this.value('Status__c'), this.value('Stage_Gap__c'))[0];
    }

    get pillClass() {
        return pill(this.value('Status__c'), this.value('Stage_Gap__c'))[1];
    }

    get nextStage() {
        return stageOf(this.details.next);
    }

    get refused() {
        return this.details.refused.join(', ');
    }

    get warned() {
        return this.details.warned.join(', ');
    }

    get holds() {
        return this.details.holds;
    }

    get missing() {
        return this.told(this.details.missing);
    }

    get others() {
        return this.told(this.details.others);
    }

    get hasOthers() {
        return this.others.length > 0;
    }

    get othersLabel() {
        const number = this.others.length + this.details.leftOff;
        const what = number === 1 ? '1 other finding' : `${number} other findings`;
        return this.othersShown ? `Hide ${what}` : `Show ${what}`;
    }

    get othersExpanded() {
        return String(this.othersShown);
    }

    get isClear() {
        return this.isChecked && !this.details.missing.length && !this.details.others.length;
    }

    get checkedAt() {
        return this.value('Connection__r.Last_Run__c');
    }

    told(entries) {
        return entries.map((entry) => ({ ...entry, answer: this.standing(this.answers[entry.rule]) }));
    }

    /** A finding that a later run still has was not cleared by "done"; it may be answered again. */
    standing(given) {
        const isOver = given && PASSING.includes(given.answer) && this.checkedAt > given.at;
        return given && !isOver ? given.answer : undefined;
    }

    showOthers() {
        this.othersShown = !this.othersShown;
    }

    handleAnswered(event) {
        const { rule, answer } = event.detail;
        this.answers = { ...this.answers, [rule]: { answer, at: new Date().toISOString() } };
    }
}
