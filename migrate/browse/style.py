"""What the pages of a backup add to the style of all pages: the frame, lists, grids, pictures of numbers."""

from __future__ import annotations

BROWSE_STYLE = (
    """
:root{--t0:#dbe7f6;--t1:#dcefe2;--t2:#f6e7cf;--t3:#e8e0f3;--t4:#f6dfdc;--t5:#d8edf0;--t6:#ece9d4;--t7:#e4e6ea}
@media screen and (prefers-color-scheme:dark){
 :root{--t0:#233a56;--t1:#1f4230;--t2:#4b3a1c;--t3:#3a2f52;--t4:#4f2a28;--t5:#1d4348;--t6:#403c20;--t7:#343a42}}
.skip,.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip:focus{position:fixed;z-index:2;left:1rem;top:1rem;width:auto;height:auto;clip-path:none;padding:.6rem 1rem;
 background:var(--card);border-radius:.3rem}
a{color:var(--link)}
a:focus-visible,button:focus-visible,input:focus-visible,summary:focus-visible,code:focus-visible{
 outline:3px solid var(--there);outline-offset:2px;border-radius:.2rem}
main:focus{outline:none}
.frame{display:grid;grid-template-columns:15.5rem minmax(0,1fr);max-width:80rem;margin:0 auto}
.frame main{max-width:60rem;width:100%;margin:0;padding:1.75rem 2rem 4rem}
.side{padding:1.75rem 1rem 2rem 1.25rem;border-right:1px solid var(--line);position:sticky;top:0;height:100vh;
 overflow-y:auto}
.phone{font-weight:700;margin:0 0 .9rem}.phone a{color:inherit;text-decoration:none}
.side ul{list-style:none;padding:0;margin:1rem 0 0}.side li{margin:0}
.side li a{display:flex;justify-content:space-between;gap:.5rem;padding:.34rem .6rem;border-radius:.4rem;
 color:inherit;text-decoration:none}
.side li a:hover{background:var(--card)}
.side li a[aria-current]{background:var(--card);font-weight:600}
.side li small{display:inline;font-variant-numeric:tabular-nums}
.search{display:flex;gap:.4rem}
.search input{flex:1;min-width:0}
.search.inline{flex-wrap:wrap;align-items:center;margin:0 0 .75rem}
.search.inline label{flex-basis:100%;font-size:.875rem;color:var(--muted)}
.search.inline input{flex:1 1 10rem;max-width:22rem}
input,button,.button{font:inherit;padding:.42rem .7rem;border:1px solid var(--line);border-radius:.45rem;
 background:var(--page);color:var(--text)}
button,.button{background:var(--card);cursor:pointer;text-decoration:none;display:inline-block}
button:hover,.button:hover{border-color:var(--muted)}
h1{margin-bottom:.6rem}
.title a{color:inherit}
.facts{max-width:40rem}
.count{display:inline;font-weight:400}
.rows{list-style:none;padding:0;margin:.75rem 0}
.row{display:flex;flex-wrap:wrap;align-items:baseline;gap:.15rem .8rem;margin:0;padding:.55rem 0;
 border-bottom:1px solid var(--line)}
.row>a:first-child{flex:1 1 14rem;min-width:0;color:inherit;text-decoration:none}
.row>a:first-child:hover .row-title{text-decoration:underline}
.row-title,.row-line{display:block;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.row-title{font-weight:600}
.row-line,.row time{color:var(--muted);font-size:.9rem}
.row .muted{font-size:.9rem}
.files .row-title{font-weight:400}
.gone-item{opacity:.78}
.badge{display:inline-block;font-size:.78rem;padding:.05rem .55rem;border:1px solid;border-radius:1rem}
.badge.plain{color:var(--muted)}
.tabs{list-style:none;padding:0;margin:.6rem 0;display:flex;flex-wrap:wrap;gap:.4rem}
.tabs li{margin:0}
.tabs a,.tabs [aria-current],.tabs .gap{display:block;padding:.28rem .8rem;border-radius:1rem;background:var(--card);
 color:inherit;text-decoration:none}
.tabs .gap{background:none;padding:.28rem .2rem}
.tabs [aria-current]{background:var(--text);color:var(--page)}
.tabs small{display:inline}
.groups,.take{border:0;padding:.3rem 0}
.take{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:1rem}
.command{display:block;padding:.7rem .9rem;background:var(--card);border-radius:.4rem;user-select:all;
 -webkit-user-select:all;overflow-wrap:anywhere}
.grid{list-style:none;padding:0;margin:.75rem 0;display:grid;gap:.3rem;
 grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr))}
.grid li{margin:0;position:relative;aspect-ratio:1}
.grid a{display:block;height:100%;border-radius:.4rem;overflow:hidden;background:var(--card);color:inherit;
 text-decoration:none}
.grid img{width:100%;height:100%;object-fit:cover;display:block;color:var(--muted);font-size:.8rem}
.no-picture{display:flex;align-items:center;justify-content:center;height:100%;padding:.5rem;text-align:center;
 font-size:.8rem;color:var(--muted)}
.mark{position:absolute;left:.35rem;bottom:.35rem;padding:0 .4rem;border-radius:1rem;background:#14171acc;color:#fff;
 font-size:.8rem}
.mark.cloud{left:auto;right:.35rem}.mark.gone{bottom:auto;top:.35rem}
figure{margin:1rem 0}
.full{max-width:100%;max-height:75vh;border-radius:.5rem;display:block;background:var(--card)}
.full.small{min-width:min(20rem,100%)}
audio{width:min(28rem,100%)}
figcaption{margin-top:.5rem}
figcaption small{margin-top:.3rem}
.text{white-space:pre-wrap;background:var(--card);border-radius:.5rem;padding:1rem 1.2rem;margin:1rem 0;
 max-width:44rem}
.neighbours{display:flex;justify-content:space-between;gap:1rem;margin:1.5rem 0}
.crumbs{list-style:none;display:flex;flex-wrap:wrap;padding:0;gap:.2rem}
.crumbs li{margin:0}.crumbs li+li::before{content:"/ ";color:var(--muted)}
.get{font-size:.9rem}
.findings{list-style:none;padding:0}
.space{width:100%;height:auto}
.space text{font-size:13.5px;font-weight:600;fill:var(--text)}.space .size{font-weight:400}
.space a:hover rect,.space a:focus rect{stroke:var(--text);stroke-width:2}
.narrow{display:none}
"""
    + "".join(f".t{number}{{fill:var(--t{number})}}" for number in range(8))
    + """
.chart{width:100%;height:auto;margin:1rem 0}
.chart rect{fill:var(--there)}
.chart text{font-size:12px;fill:var(--muted)}
.chart .grid-line{stroke:var(--line);stroke-width:1}
.m{max-width:46rem}
@media screen and (max-width:52rem){
 .frame{display:block}
 .frame main{padding:1rem 1rem 3rem}
 .side{position:static;height:auto;border-right:0;border-bottom:1px solid var(--line);padding:.9rem 1rem .6rem}
 .phone{margin-bottom:.5rem}
 .side ul{display:flex;gap:.35rem;overflow-x:auto;margin:.6rem -1rem 0;padding:0 1rem .4rem}
 .side li a{white-space:nowrap;background:var(--card);border-radius:1rem;padding:.4rem .85rem}
 .side li a[aria-current]{background:var(--text);color:var(--page)}
 .side li a[aria-current] small{color:inherit}
 .grid{grid-template-columns:repeat(auto-fill,minmax(6rem,1fr))}
 .wide{display:none}.narrow{display:block}
 .facts{grid-template-columns:max-content 1fr;gap:.15rem 1rem}
 .row-title,.row-line{white-space:normal;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
}
@media print{.side,.search,.take,.pages{display:none}.frame{display:block}}
"""
)
