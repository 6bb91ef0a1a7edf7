-- `raising`: increments that a call of record/effects.lua makes on a board of plain scores: without ties by time, `dense`, `keep`, rolling
-- windows and ids. Nothing has to be read for them. The field of the plan has the windows, separated by commas: of an all-time window the
-- index of its key; of a calendar window those of the present and the next period, `start`, `next` and `finish` of leaderboard/board.lua,
-- and both `lives`.
-- @include now
-- @include typed
-- @include record/small
-- @include leaderboard/period_ttl
local raising = { rank = 3, texts = 2, fields = 1, open = nil, commands = nil, prepare = nil, apply = nil }

function raising.open(group, keys, from, _, fields, at)
  local windows = {}
  for text in string.gmatch(fields[at], '[^,]+') do
    local words = {}
    for word in string.gmatch(text, '%S+') do
      words[#words + 1] = tonumber(word)
    end
    local first, second, start, turn, finish, lives, next_lives = unpack(words)
    if start and (now < start or now >= finish) then
      group.answer = now
    elseif start and now >= turn then
      first, lives = second, next_lives
    end
    windows[#windows + 1] = { z = keys[from + first - 1], lives = lives }
  end
  group.windows, group.looked = windows, false
end

function raising.commands(group)
  local lives = false
  for _, window in ipairs(group.windows) do
    lives = lives or window.lives
  end
  return lives and { 'ZINCRBY', 'ZCARD', 'PTTL', 'PEXPIRE' } or { 'ZINCRBY', 'ZCARD' }
end

function raising.prepare(group)
  if not group.looked then
    group.looked = true
    for _, window in ipairs(group.windows) do
      local members = redis.pcall('ZCARD', window.z)
      if type(members) == 'table' then
        group.answer = group.answer or typed(window.z, 'zset') or members
      elseif members > SMALL then
        group.small = false
      end
    end
  end
  if group.answer then
    return nil, group.answer
  end
  return true
end

local function raise(group, amount, member)
  local first
  for _, window in ipairs(group.windows) do
    local value = redis.call('ZINCRBY', window.z, amount, member)
    if window.lives then
      period_ttl(window)
      window.lives = nil
    end
    first = first or value
  end
  return first
end

function raising.apply(group, _, texts, from)
  if group.n == 1 then
    return raise(group, texts[from + 1], texts[from])
  end
  local values = {}
  for nth = 1, group.n do
    values[nth] = raise(group, texts[from + 1], texts[from])
    from = from + 2
  end
  return table.concat(values, '\n')
end
