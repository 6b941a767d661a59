// The card on one side, the stand-ins on the other, and between them what HubSpot has there: remote-ui.
import './worker';
import 'the-card';
import React from 'react';
import { createRemoteReceiver, createRemoteRoot } from '@remote-ui/core';
import { createRoot as remotely } from '@remote-ui/react';
import { RemoteRenderer, createController } from '@remote-ui/react/host';
import { createRoot } from 'react-dom/client';
import { COMPONENTS } from './components';

const controller = createController(COMPONENTS);

window.show = () => {
    const receiver = createRemoteReceiver();
    createRoot(document.querySelector('main')).render(<RemoteRenderer receiver={receiver} controller={controller} />);
    const remote = createRemoteRoot(receiver.receive, { components: Object.keys(COMPONENTS) });
    remotely(remote).render(self.card({ context: {}, actions: {} }));
    remote.mount();
};
