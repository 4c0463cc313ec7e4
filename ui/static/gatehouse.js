// Comfort only; every page works without it.
'use strict';

// A form that was sent is not sent again by an impatient second click.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = 'yes';
  form.setAttribute('aria-busy', 'true');
});

// Coming back by the history shows a fresh form.
window.addEventListener('pageshow', () => {
  for (const form of document.forms) {
    delete form.dataset.sent;
    form.removeAttribute('aria-busy');
  }
});

// A form that only carries an answer on is sent without waiting for a click.
const carrier = document.querySelector('form[data-send-at-once]');
if (carrier) carrier.requestSubmit();
