--- Append the entries of a batch, once.
--
-- Invariant: the entries of a batch are added together with the batch's number, or not at all. A writer numbers its batches and
-- sends one at a time. If it gets no reply, it sends the batch again under the same number. A number that is not above the last
-- one adds nothing. So a batch is added once, also when a copy of the call arrives late. The invariant of `stream/add` too.
-- If Redis dies during the script, it has none of its writes afterwards. If the writer dies, its number expires a day later.
-- @batch 1
-- @full refused      it adds entries
-- @include stream/append
-- @shared keys of  the stream; with order by key also its places, see lua/_lib/stream/places.lua; with tags last their index, see tagging.lua
-- @shared limits   limits of the stream, see lua/_lib/stream/append.lua
-- @item key written string: number of the writer's last batch, and how many of its entries were added
-- @item arg number number of this batch
-- @item arg payloads at most 128 JSON texts without line feeds, with their tags, each followed by a line feed
-- @returns list    how many entries were added, the others found the stream full; then the name of each group for which the trim of a lossy log deleted entries that it had not finished, and how many

local DAY = 86400

local stream = append.open(of, 1, limits)
stream.missed = {}

local function item(written, number, payloads)
  local before = redis.pcall('GET', written)
  if type(before) == 'table' then
    return before
  end
  local last, count = string.match(before or '', '^(%d+) (%d+)$')
  if last and tonumber(number) <= tonumber(last) then
    return { last == number and tonumber(count) or 0 }
  end
  local texts = {}
  for text in string.gmatch(payloads, '[^\n]+') do
    local may = append.prepare(stream)
    if may == false then
      break
    elseif may ~= true then
      return may
    end
    texts[#texts + 1] = text
  end
  for at, text in ipairs(texts) do
    local id = append.apply(stream, text, '', '')
    if type(id) == 'table' then
      if at > 1 then
        error(id)
      end
      return id
    end
  end
  redis.call('SET', written, number .. ' ' .. #texts, 'EX', DAY)
  local reply = { #texts }
  for group, entries in pairs(stream.missed) do
    reply[#reply + 1] = group
    reply[#reply + 1] = entries
  end
  return reply
end
