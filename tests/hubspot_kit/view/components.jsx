// Stand-ins for HubSpot's components: plain HTML with the same properties. Their looks are ours.
import React, { useState } from 'react';
import { save } from './worker';

const Text = ({ children, variant, inline, format }) =>
    React.createElement(
        inline ? 'span' : 'p',
        { className: ['text', variant, format?.fontWeight].filter(Boolean).join(' ') },
        children
    );

const Flex = ({ children, direction = 'row', gap, align, wrap }) => (
    <div className={`flex ${direction} gap-${gap ?? 'flush'} ${align ?? ''} ${wrap ? 'wrap' : ''}`}>{children}</div>
);

const SIGNS = { xCircle: '✕', questionCircle: '?', success: '✓' };
const Icon = ({ name, color, screenReaderText }) => (
    <span className={`icon ${color ?? 'inherit'}`} role="img" aria-label={screenReaderText}>
        {SIGNS[name]}
    </span>
);

const List = ({ children, variant }) => (
    <ul className={variant ?? 'unordered'}>
        {React.Children.map(children, (each) => (
            <li>{each}</li>
        ))}
    </ul>
);

const Accordion = ({ title, children, size, defaultOpen = false }) => {
    const [isOpen, setOpen] = useState(defaultOpen);
    return (
        <section className={`accordion ${size ?? 'sm'}`}>
            <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
                <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {title}
            </button>
            {isOpen ? <div className="inner">{children}</div> : null}
        </section>
    );
};

/** HubSpot opens a form or a record; here it is noted which. */
function open({ actionType, actionContext, onError }) {
    const { refuses, opened } = window.portal;
    if (refuses) {
        onError?.([refuses]);
    } else {
        opened.push({ actionType, actionContext });
    }
}

const FIELDS = {
    crm_audit_answer: 'Answer to the audit',
    crm_audit_answer_until: 'Answer holds until',
    crm_audit_answer_reason: 'Reason of the answer'
};
const OPTIONS = {
    fixed: 'Done, please check again',
    asked: 'I asked them again today',
    wrong: 'This is not right',
    not_applicable: 'Does not apply to this deal'
};

function Field({ name }) {
    const [value, setValue] = useState(window.portal.properties[name] ?? '');
    const set = ({ target }) => setValue(target.value);
    const leave = () => save(name, value);
    if (name === 'crm_audit_answer') {
        return (
            <select value={value} onChange={({ target }) => (setValue(target.value), save(name, target.value))}>
                <option value="">--</option>
                {Object.entries(OPTIONS).map(([code, label]) => (
                    <option key={code} value={code}>
                        {label}
                    </option>
                ))}
            </select>
        );
    }
    return <input type={name.endsWith('_until') ? 'date' : 'text'} value={value} onChange={set} onBlur={leave} />;
}

const CrmPropertyList = ({ properties }) => (
    <div className="properties">
        {properties.map((name) => (
            <label key={name}>
                <span>{FIELDS[name]}</span>
                <Field name={name} />
            </label>
        ))}
    </div>
);

export const COMPONENTS = {
    Text,
    Flex,
    Icon,
    List,
    Accordion,
    CrmPropertyList,
    Heading: ({ children }) => <h2>{children}</h2>,
    Divider: () => <hr />,
    StatusTag: ({ children, variant }) => <span className={`tag ${variant}`}>{children}</span>,
    Alert: ({ title, children }) => (
        <div className="alert" role="status">
            <b>{title}</b>
            <p>{children}</p>
        </div>
    ),
    DescriptionList: ({ children }) => <dl>{children}</dl>,
    DescriptionListItem: ({ label, children }) => (
        <div>
            <dt>{label}</dt>
            <dd>{children}</dd>
        </div>
    ),
    LoadingSpinner: ({ label }) => <p role="status">{label} …</p>,
    EmptyState: ({ title, children }) => <div className="state"><h2>{title}</h2>{children}</div>,
    ErrorState: ({ title, children }) => <div className="state" role="alert"><h2>{title}</h2>{children}</div>,
    Button: ({ children, onClick }) => <button type="button" className="button" onClick={() => onClick?.()}>{children}</button>,
    CrmActionButton: ({ children, ...action }) => (
        <button type="button" className="button" onClick={() => open(action)}>{children}</button>
    ),
    CrmActionLink: ({ children, ...action }) => (
        <button type="button" className="link" onClick={() => open(action)}>{children}</button>
    )
};
