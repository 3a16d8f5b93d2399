// The language switch keeps the place on the page; the table of printed things shows the rows with the words asked for.
'use strict';
document.addEventListener('DOMContentLoaded', function () {
  const language = document.getElementById('language');
  if (language) {
    language.addEventListener('click', function () { language.hash = location.hash; language.search = location.search; });
  }
  // What scrolls is reached by the keyboard too.
  document.querySelectorAll('.table-wrapper, .highlight pre').forEach(box => { box.tabIndex = 0; });

  const filter = document.getElementById('filter');
  if (!filter) return;
  const flat = text => text.toLowerCase().replace(/([\u3000-\u9fff])\s+(?=\d)/g, '$1');
  const groups = Array.from(document.querySelectorAll('.group'));
  const rows = groups.map(group => Array.from(group.querySelectorAll('tbody tr')).map(
    row => ({row: row, text: flat(group.querySelector('h3').textContent + ' ' + row.textContent)})));
  filter.addEventListener('input', function () {
    const words = flat(filter.value).split(/\s+/).filter(Boolean);
    groups.forEach(function (group, i) {
      rows[i].forEach(each => { each.row.hidden = !words.every(word => each.text.includes(word)); });
      group.hidden = rows[i].every(each => each.row.hidden);
    });
  });
});
