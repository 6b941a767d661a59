import '@lwc/synthetic-shadow';
import { createElement } from 'lwc';
import Verdict from 'c/crmAuditVerdict';

window.show = (recordId) => {
    const element = createElement('c-crm-audit-verdict', { is: Verdict });
    element.recordId = recordId;
    element.addEventListener('lightning__showtoast', ({ detail }) => window.org.toasts.push(detail));
    document.querySelector('main').replaceChildren(element);
};
