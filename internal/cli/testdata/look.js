(() => {
  const main = document.querySelector('main')
  const all = [...main.querySelectorAll('*')]
  const name = e => e.tagName.toLowerCase() + ': ' + e.textContent.slice(0, 60)
  for (const d of main.querySelectorAll('details')) d.open = true
  const texts = []
  const walk = n => {
    if (n.nodeType === Node.TEXT_NODE) texts.push(n.data)
    else if (!['CODE', 'PRE', 'A', 'STYLE'].includes(n.tagName)) n.childNodes.forEach(walk)
  }
  walk(main)
  const mention = /(^|[^\w/&.`])(@[A-Za-z0-9-]+|#\d+|GH-\d+|https?:\/\/\S+|www\.\S+)/
  const right = main.getBoundingClientRect().right
  return {
    Links: [...main.querySelectorAll('a')].map(a => a.getAttribute('href') ?? a.getAttribute('xlink:href') ?? ''),
    Loading: all.filter(e => ['script', 'img', 'image', 'iframe', 'object', 'embed', 'form', 'input', 'video', 'audio', 'link', 'meta', 'base', 'use'].includes(e.tagName.toLowerCase())).map(name),
    Handlers: all.flatMap(e => [...e.attributes].filter(a => /^on|^srcdoc$|^formaction$/i.test(a.name) || /^\s*javascript:/i.test(a.value)).map(a => name(e) + ' ' + a.name)),
    Mentions: texts.filter(t => mention.test(t)),
    Wide: all.filter(e => !e.closest('svg') && (e.getBoundingClientRect().right > right + 1 || ['TABLE', 'PRE'].includes(e.tagName) && e.scrollWidth > e.clientWidth + 1))
      .map(e => name(e) + ' ' + Math.max(e.scrollWidth, Math.round(e.getBoundingClientRect().width))),
    Labels: [...main.querySelectorAll('pre.mermaid')].map(p => [...p.querySelectorAll('.nodeLabel')].map(l => l.textContent.trim()).sort()),
    Width: document.documentElement.scrollWidth,
  }
})()
