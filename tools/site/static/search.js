// The search: finds all words of the query as they stand, in Chinese too; titles first, then, for a number, what is
// printed. searchdata.js has the texts.
'use strict';
(function () {
  const MOST = 60;              // results shown
  const HAN = '\u3000-\u9fff\uff00-\uffef';
  const form = document.getElementById('search-form'), query = document.getElementById('query');
  const list = document.getElementById('results'), count = document.getElementById('count');
  const kinds = JSON.parse(list.dataset.kinds);

  // A pattern for each word; 图6 and 图 6 are the same one.
  function patterns(text) {
    const joined = text.trim().replace(new RegExp('([' + HAN + ']) +(?=[0-9])', 'g'), '$1');
    return joined.split(/\s+/).filter(Boolean).map(function (word) {
      const source = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        .replace(new RegExp('([' + HAN + '])(?=[0-9])', 'g'), '$1\\s*');
      // 图 6 is not 图 60; 0.98 may go on.
      return new RegExp(source + (new RegExp('[' + HAN + '][0-9]+$').test(word) ? '(?![0-9])' : ''), 'i');
    });
  }

  function find(words) {
    const found = [];
    SEARCH.forEach(function (entry, order) {
      const all = entry.title + ' ' + entry.where + ' ' + entry.text;
      if (words.every(word => word.test(all))) {
        const title = words.every(word => word.test(entry.title));
        const printed = entry.kind === 'coverage' && words.some(word => /[0-9]/.test(word.source));
        found.push({entry: entry, rank: (title ? 0 : printed ? 1e6 : 2e6) + (entry.kind === 'code' ? 1e5 : 0) + order});
      }
    });
    return found.sort((one, other) => one.rank - other.rank).map(each => each.entry);
  }

  function element(parent, tag, text, className) {
    const made = parent.appendChild(document.createElement(tag));
    made.textContent = text;
    made.className = className || '';
    return made;
  }

  // Some characters around the first word, which is marked.
  function excerpt(parent, text, word) {
    const match = word.exec(text);
    const at = match ? match.index : 0, end = at + (match ? match[0].length : 0);
    const shown = element(parent, 'p', (at > 60 ? '… ' : '') + text.slice(Math.max(0, at - 60), at));
    if (match) element(shown, 'mark', match[0]);
    shown.appendChild(document.createTextNode(text.slice(end, end + 120) + (text.length > end + 120 ? ' …' : '')));
  }

  function show() {
    const words = patterns(query.value);
    list.textContent = count.textContent = '';
    if (!words.length) return;
    const found = find(words);
    count.textContent = found.length ? found.length + ' ' + count.dataset.found : count.dataset.none;
    found.slice(0, MOST).forEach(function (entry) {
      const item = list.appendChild(document.createElement('li'));
      let url = entry.url;
      if (entry.kind === 'code') {                      // to the line
        const match = words[0].exec(entry.text);
        if (match) url += '#L-' + entry.text.slice(0, match.index).split('\n').length;
      }
      element(item, 'a', entry.title).href = url;
      element(item, 'span', [kinds[entry.kind], entry.where].filter(Boolean).join(' · '), 'where');
      excerpt(item, entry.text, words.find(word => word.test(entry.text)) || words[0]);
    });
  }

  query.value = new URLSearchParams(location.search).get('q') || '';
  query.addEventListener('input', show);
  form.addEventListener('submit', function (event) { event.preventDefault(); show(); });
  show();
})();
